import type { IncomingMessage } from 'node:http'
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import type { Classification } from '../classify/classification.ts'
import { IncomingHead, pathOf } from '../incoming-message.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { AttemptStart, AttemptTrace, RequestEnd, RequestTrace, Tracing } from '../router/tracing.ts'
import { LONGEST_TEXT, shorten } from '../shorten.ts'

/** Options of `openTelemetryTracing`. */
export interface OpenTelemetryOptions {
  /**
   * Creates the tracer.
   * @default the global provider
   */
  readonly tracerProvider?: TracerProvider | undefined
  /**
   * Reads the parent trace from a request's headers, and writes the attempt's trace into the headers for the backend.
   * @default the global propagator
   */
  readonly propagator?: TextMapPropagator | undefined
}

/**
 * Traces requests with OpenTelemetry: one span per request with a child span per attempt, whose context is passed on to the
 * backend. The parent is the active span, which exists if node:http is instrumented, or the trace in the request's headers.
 */
export function openTelemetryTracing({ tracerProvider, propagator }: OpenTelemetryOptions = {}): Tracing {
  const tracer = (tracerProvider ?? trace).getTracer('@immich-ml-router/core')
  const headers = propagator ?? GLOBAL_PROPAGATOR
  return { begin: (req) => traceRequest(req, tracer, headers) }
}

/** Looks the global propagator up at each call: it may be set after the router is created. */
const GLOBAL_PROPAGATOR: TextMapPropagator = {
  inject: (from, carrier) => propagation.inject(from, carrier),
  extract: (into, carrier) => propagation.extract(into, carrier),
  fields: () => propagation.fields(),
}

function traceRequest(req: IncomingMessage, tracer: Tracer, propagator: TextMapPropagator): RequestTrace {
  const active = context.active()
  const outer = trace.getSpan(active)
  const isInside = outer !== undefined && outer.spanContext().isRemote !== true
  const parent = outer === undefined ? propagator.extract(active, req.headers, defaultTextMapGetter) : active
  const span = isInside
    ? tracer.startSpan('route predict request', { attributes: requestAttributes(req) }, parent)
    : tracer.startSpan(
        `${req.method} /predict`,
        { kind: SpanKind.SERVER, attributes: { ...requestAttributes(req), ...serverAttributes(req) } },
        parent,
      )
  const own = trace.setSpan(parent, span)
  return {
    classified(classification) {
      span.setAttributes(jobAttributes(classification))
    },
    wait(reason) {
      const what = reason === 'full' ? 'immich_ml.queue' : 'immich_ml.hold'
      span.addEvent(`${what}.begin`)
      return () => void span.addEvent(`${what}.end`)
    },
    attempt: (attempt) => traceAttempt(attempt, tracer, own, propagator),
    end(end) {
      span.setAttributes(endAttributes(end))
      const type = errorTypeOf(end)
      if (type !== undefined) fail(span, type, end.error?.message)
      span.end()
    },
  }
}

function jobAttributes({ classified, entries, tasks, input, reason }: Classification): Attributes {
  if (!classified) return { 'immich_ml.unclassified': reason }
  return {
    'immich_ml.tasks': bounded(tasks),
    'immich_ml.types': bounded(entries.map(({ type }) => type)),
    'immich_ml.models': bounded([...new Set(entries.map(({ model }) => model))]),
    ...(input === undefined ? {} : { 'immich_ml.input': input }),
  }
}

function endAttributes({
  status,
  route,
  backend,
  outcome,
  code,
  heartbeats,
  ...end
}: RequestEnd): Attributes {
  const clientLeft = code === 'client-left' ? 'client-left' : undefined
  return {
    ...statusAttribute(status),
    ...(route === undefined ? {} : { 'immich_ml.route': route }),
    ...(backend === undefined ? {} : { 'immich_ml.backend': backend.name }),
    'immich_ml.outcome': outcome?.kind ?? clientLeft ?? 'refused',
    'immich_ml.attempts': end.attempts,
    'immich_ml.queue_time': end.queue,
    'immich_ml.hold_time': end.hold,
    ...(heartbeats > 0 ? { 'immich_ml.heartbeats': heartbeats } : {}),
  }
}

function traceAttempt(
  { backend, before, hedge }: AttemptStart,
  tracer: Tracer,
  parent: Context,
  propagator: TextMapPropagator,
): AttemptTrace {
  const { hostname, port, protocol } = new URL(backend.url)
  const attributes = {
    'http.request.method': 'POST',
    'url.full': `${backend.url}/predict`,
    'server.address': hostname,
    'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
    ...(before > 0 ? { 'http.request.resend_count': before } : {}),
    ...(backend.endpoint === undefined ? {} : { 'immich_ml.endpoint': backend.endpoint }),
    'immich_ml.backend': backend.name,
    'immich_ml.hedge': hedge,
  }
  const span = tracer.startSpan('POST', { kind: SpanKind.CLIENT, attributes }, parent)
  const own = trace.setSpan(parent, span)
  const headers: Record<string, string> = {}
  propagator.inject(own, headers, defaultTextMapSetter)
  return {
    headers,
    replaces: propagator.fields(),
    // An instrumentation of undici would create another span, and add its context to the headers.
    run: (send) => context.with(own.setValue(SUPPRESS_TRACING, true), send),
    end(record) {
      if (record !== undefined) describeAttempt(span, record)
      else fail(span, 'internal', 'the attempt threw an unexpected error')
      span.end()
    },
  }
}

function describeAttempt(span: Span, { outcome, connect, firstByte }: AttemptRecord): void {
  span.setAttributes({
    'immich_ml.outcome': outcome.kind,
    ...(connect === undefined ? {} : { 'immich_ml.connect_time': connect }),
    ...(firstByte === undefined ? {} : { 'immich_ml.first_byte_time': firstByte }),
  })
  if (outcome.kind === 'answered' || outcome.kind === 'passed-over') {
    const { status, verdict } = outcome
    span.setAttributes(statusAttribute(status))
    const reason = 'reason' in verdict ? verdict.reason : undefined
    if (status >= 400) fail(span, String(status), reason)
    else if (outcome.kind === 'passed-over') fail(span, 'wrong-answer', reason)
  } else if (outcome.kind === 'failed') fail(span, outcome.cause, outcome.error.message)
}

/** Bounds names, which come from clients. */
function bounded(names: readonly string[]): string[] {
  return names.slice(0, MOST_NAMES).map((name) => shorten(name))
}

const MOST_NAMES = 64

/** The SDK's key that turns tracing off. Keys with the same description are equal. */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

function requestAttributes(req: IncomingMessage): Attributes {
  return { 'http.request.method': req.method ?? '', 'url.path': shorten(pathOf(req)) }
}

/** The attributes that an instrumentation of node:http sets. */
function serverAttributes(req: IncomingMessage): Attributes {
  const { headers, httpVersion, socket } = req
  const scheme = 'encrypted' in socket ? 'https' : 'http'
  const host = `${scheme}://${headers.host ?? ''}`
  const { hostname, port } = URL.canParse(host) ? new URL(host) : { hostname: '', port: '' }
  const { client } = new IncomingHead(req)
  const agent = headers['user-agent']
  return {
    'http.route': '/predict',
    'url.scheme': scheme,
    'network.protocol.version': httpVersion,
    ...(hostname === '' ? {} : { 'server.address': hostname }),
    ...(port === '' ? {} : { 'server.port': Number(port) }),
    ...(client === undefined ? {} : { 'client.address': client }),
    ...(agent === undefined ? {} : { 'user_agent.original': shorten(agent) }),
  }
}

function statusAttribute(status: number | undefined): Attributes {
  return status === undefined ? {} : { 'http.response.status_code': status }
}

/** Errors of the client are not errors of a server span, nor is a client that left. */
function errorTypeOf({ status, code, outcome }: RequestEnd): string | undefined {
  if (code === 'client-left' || outcome?.kind === 'client-left') return undefined
  if (code !== undefined) return status !== undefined && status < 500 ? undefined : code
  if (outcome?.kind === 'failed') return outcome.cause
  return status !== undefined && status >= 500 ? String(status) : undefined
}

function fail(span: Span, type: string, message?: string): void {
  span.setAttribute('error.type', type)
  const what = message === undefined ? {} : { message: shorten(message, LONGEST_TEXT) }
  span.setStatus({ code: SpanStatusCode.ERROR, ...what })
}
