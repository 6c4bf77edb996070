import http from 'node:http'
import { Socket } from 'node:net'
import { ROOT_CONTEXT, type Span, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import { expect, it } from 'vitest'
import { answered, answeredWith, clientLeft, failed } from '../../../../test/support/outcomes.ts'
import type { RequestEnd } from '../router/tracing.ts'
import { openTelemetryTracing } from './open-telemetry.ts'

const done: RequestEnd = {
  status: 200,
  route: 'search',
  backend: { name: 'gpu', url: 'http://gpu:3003', endpoint: undefined },
  outcome: answered,
  error: undefined,
  code: undefined,
  attempts: 1,
  queue: 0,
  hold: 0,
  heartbeats: 0,
}

/** Traces one request with a tracer that records what its span gets. */
function trace() {
  const attributes: Record<string, unknown> = {}
  const status: { code?: SpanStatusCode; message?: string } = {}
  const span = {
    setAttribute: (name: string, value: unknown) => void Object.assign(attributes, { [name]: value }),
    setAttributes: (given: object) => void Object.assign(attributes, given),
    setStatus: (given: object) => void Object.assign(status, given),
    end: () => {},
  } as unknown as Span
  const tracer = {
    startSpan: (_: string, options: { attributes: object }) => {
      Object.assign(attributes, options.attributes)
      return span
    },
  } as unknown as Tracer
  const req = Object.assign(new http.IncomingMessage(new Socket()), {
    method: 'POST',
    url: '/predict?x=1',
    headers: { host: 'ml.example:3003' },
  })
  const propagator = { inject: () => {}, extract: () => ROOT_CONTEXT, fields: () => [] }
  const tracing = openTelemetryTracing({ tracerProvider: { getTracer: () => tracer }, propagator })
  return { request: tracing.begin(req), attributes, status }
}

it('describes the server from the request', () => {
  const { attributes } = trace()
  expect(attributes).toMatchObject({
    'http.request.method': 'POST',
    'url.path': '/predict',
    'url.scheme': 'http',
    'server.address': 'ml.example',
    'server.port': 3003,
  })
})

it.each<[string, Partial<RequestEnd>, string | undefined]>([
  ['a success', {}, undefined],
  ['an error of the client', { status: 413, code: 'body-too-large', outcome: undefined }, undefined],
  ['a 4xx of a backend', { status: 422, outcome: answeredWith(422) }, undefined],
  ['a client that left', { status: undefined, outcome: clientLeft }, undefined],
  ['a client that left while it was queued', { code: 'client-left', status: undefined }, undefined],
  ['an error of the router', { status: 503, code: 'queue-full', outcome: undefined }, 'queue-full'],
  ['a 5xx of a backend', { status: 500, outcome: answeredWith(500) }, '500'],
  ['an answer that breaks off', { outcome: failed('reset') }, 'reset'],
])('sets the error type of %s', (_, end, type) => {
  const { request, attributes, status } = trace()
  request.end({ ...done, ...end, error: new Error('why') })
  expect(attributes['error.type']).toBe(type)
  expect(status).toEqual(type === undefined ? {} : { code: SpanStatusCode.ERROR, message: 'why' })
})
