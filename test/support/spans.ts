import { immichBody } from '@immich-ml-router/core/testing'
import { type OpenTelemetryOptions, openTelemetryTracing } from '@immich-ml-router/core/tracing'
import { context, SpanKind } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll } from 'vitest'
import { until } from './servers.ts'

export const search = immichBody('textSearch', 'cat')

export const TRACE = '0af7651916cd43dd8448eb211c80319c'

export const TRACED = { headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: 'rojo=1' } }

/** Counts the spans that are not over. */
class OpenSpans implements SpanProcessor {
  count = 0
  onStart(): void {
    this.count++
  }
  onEnd(): void {
    this.count--
  }
  async shutdown(): Promise<void> {}
  async forceFlush(): Promise<void> {}
}

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})

afterAll(() => context.disable())

export function tracer(options: OpenTelemetryOptions = {}) {
  const exporter = new InMemorySpanExporter()
  const open = new OpenSpans()
  const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter }), open] })
  const tracing = openTelemetryTracing({
    tracerProvider,
    propagator: new W3CTraceContextPropagator(),
    ...options,
  })
  const spans = () => exporter.getFinishedSpans()
  return {
    tracing,
    tracerProvider,
    open,
    spans,
    /** The spans of so many requests, once nothing is left open: of the request, and of its attempts as they were begun. */
    async settled(requests = 1) {
      const roots = () => spans().filter(({ kind }) => kind !== SpanKind.CLIENT)
      await until(() => roots().length === requests && open.count === 0, 'every span is over')
      const attempts = spans()
        .filter(({ kind }) => kind === SpanKind.CLIENT)
        .sort((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1])
      const [request] = roots()
      if (request === undefined) throw new Error('there is one')
      return { request, attempts }
    },
  }
}
