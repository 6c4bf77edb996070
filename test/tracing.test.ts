import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { openTelemetryTracing } from '@immich-ml-router/core/tracing'
import {
  type Context,
  context,
  propagation,
  SpanKind,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api'
import { isTracingSuppressed, W3CTraceContextPropagator } from '@opentelemetry/core'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { describe, expect, it, onTestFinished } from 'vitest'
import { adapters } from './adapters/all.ts'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { search, TRACE, TRACED, tracer } from './support/spans.ts'

describe('the trace that a request belongs to', () => {
  it('is the one that is active, where the server is instrumented', async () => {
    const stub = await stubMl()
    const { tracing, tracerProvider, spans } = tracer()
    const router = createRouter({ backends: { gpu: { url: stub.url } }, tracing })
    onTestFinished(() => router.close({ timeout: 0 }))
    const around = tracerProvider.getTracer('http').startSpan('GET', { kind: SpanKind.SERVER })
    const { url } = await listen((req, res) => {
      context.with(trace.setSpan(context.active(), around), () => router.handle(req, res))
    })
    await post(url, search, TRACED)
    await until(() => spans().length === 2, 'both are over')
    const inside = spans().find(({ kind }) => kind === SpanKind.INTERNAL)
    expect(inside).toMatchObject({
      name: 'route predict request',
      parentSpanContext: { spanId: around.spanContext().spanId },
    })
    around.end()
  })

  it("is read and written by the user's propagator, whatever headers that has", async () => {
    const stub = await stubMl()
    const propagator: TextMapPropagator = {
      fields: () => ['b3', 'x-other'],
      extract: (into, carrier, getter) => {
        const text = getter.get(carrier, 'b3')
        const [traceId = '', spanId = ''] = String(text).split('-')
        return trace.setSpanContext(into, { traceId, spanId, traceFlags: 1, isRemote: true })
      },
      inject: (from, carrier, setter) => {
        const { traceId, spanId } = trace.getSpanContext(from) ?? { traceId: '', spanId: '' }
        setter.set(carrier, 'b3', `${traceId}-${spanId}-1`)
      },
    }
    const { tracing, settled } = tracer({ propagator })
    const { url } = await serveRouter({ backends: { gpu: { url: stub.url } }, tracing })
    await post(url, search, {
      headers: { b3: `${TRACE}-b7ad6b7169203331-1`, 'x-other': 'mine', ...TRACED.headers },
    })
    const { attempts } = await settled()
    const headers = stub.received[0]?.headers ?? {}
    expect(headers['b3']).toBe(`${TRACE}-${attempts[0]?.spanContext().spanId}-1`)
    expect(headers['x-other']).toBeUndefined()
    expect(headers['traceparent']).toBe(TRACED.headers.traceparent)
  })

  it('is found by the global provider and propagator, even if they are set later', async () => {
    const stub = await stubMl()
    const { url } = await serveRouter({
      backends: { gpu: { url: stub.url } },
      tracing: openTelemetryTracing(),
    })
    await post(url, search, TRACED)
    expect(stub.received[0]?.headers['traceparent']).toBe(TRACED.headers.traceparent)
    const exporter = new InMemorySpanExporter()
    trace.setGlobalTracerProvider(
      new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
    )
    propagation.setGlobalPropagator(new W3CTraceContextPropagator())
    onTestFinished(() => {
      trace.disable()
      propagation.disable()
    })
    await post(url, search, TRACED)
    await until(() => exporter.getFinishedSpans().length === 2, 'both are over')
    const ids = exporter.getFinishedSpans().map((span) => span.spanContext().spanId)
    expect(stub.received[1]?.headers['traceparent']).toContain(ids[0])
  })

  it('is passed on as it came where nothing is traced', async () => {
    const stub = await stubMl()
    const { url } = await serveRouter({ backends: { gpu: { url: stub.url } } })
    await post(url, search, TRACED)
    expect(stub.received[0]?.headers).toMatchObject(TRACED.headers)
  })

  it('is not traced once more by what instruments undici', async () => {
    const stub = await stubMl()
    const seen: Context[] = []
    const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
    const note = (message: unknown) => {
      if (String(Reflect.get(Object(Reflect.get(Object(message), 'request')), 'path')) === '/predict')
        seen.push(context.active())
    }
    subscribe('undici:request:create', note)
    onTestFinished(() => void unsubscribe('undici:request:create', note))
    const { tracing, settled } = tracer()
    const { url } = await serveRouter({ backends: { gpu: { url: stub.url } }, tracing })
    await post(url, search)
    const { attempts } = await settled()
    expect(seen.map(isTracingSuppressed)).toEqual([true])
    expect(trace.getSpan(seen[0] ?? context.active())?.spanContext()).toEqual(attempts[0]?.spanContext())
  })
})

describe('the option tracing', () => {
  it('is checked', () => {
    const options: RouterOptions = { backends: { gpu: { url: 'http://gpu' } } }
    expect(() => createRouter(Object.assign({ tracing: {} }, options))).toThrow(
      /tracing must be an object with begin\(\)/,
    )
  })
})

describe.each(adapters)('with the three middlewares of $name', ({ compose }) => {
  it.skipIf(typeof compose !== 'function')('a request is traced as well, however it ends', async () => {
    if (typeof compose !== 'function') return
    const stub = await stubMl()
    const { tracing, spans, open } = tracer()
    let answers = false
    const { listener, close } = compose({
      policy: { backends: { gpu: { url: stub.url, tasks: ['clip'] } } },
      classify: { tracing },
      beforeForward: () => answers,
    })
    onTestFinished(close)
    const { url } = await listen(listener)
    const statuses = [await post(url, search), await post(url, immichBody('ocr', imageBytes(100)))]
    answers = true
    statuses.push(await post(url, search))
    await until(() => open.count === 0 && spans().length === 4, 'all are over')
    const roots = spans().filter(({ kind }) => kind === SpanKind.SERVER)
    expect(roots.map(({ attributes }) => attributes['http.response.status_code'])).toEqual([200, 503, 403])
    expect(statuses.map(({ status }) => status)).toEqual([200, 503, 403])
  })
})
