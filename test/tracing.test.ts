import http from 'node:http'
import { Socket } from 'node:net'
import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { type OpenTelemetryOptions, openTelemetryTracing } from '@immich-ml-router/core/tracing'
import {
  type Context,
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { isTracingSuppressed, W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { adapters } from './adapters/all.ts'
import { post } from './support/client.ts'
import { CONTENT_TYPE, imageBytes, immichBody } from './support/predict-body.ts'
import { rawConnection } from './support/raw-client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

const search = immichBody('textSearch', 'cat')
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACED = { headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: 'rojo=1' } }

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

function tracer(options: OpenTelemetryOptions = {}) {
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

const nanoseconds = ([seconds, rest]: ReadableSpan['startTime']) => seconds * 1e9 + rest

describe('the spans of a request', () => {
  it('name its path, also where the client names the whole URL', async () => {
    const stub = await stubMl()
    const { tracing, settled } = tracer()
    const { url } = await serveRouter({ backends: { gpu: { url: stub.url } }, tracing })
    const connection = rawConnection(url)
    connection.write(
      `POST http://gateway/predict?x=1 HTTP/1.1\r\nhost: gateway\r\ncontent-type: ${CONTENT_TYPE}\r\ncontent-length: ${search.length}\r\n\r\n`,
    )
    connection.write(search)
    await connection.until(/"clip"/)
    expect((await settled()).request.attributes).toMatchObject({ 'url.path': '/predict' })
  })

  it("are one for it and one for its attempt, whose context the backend gets in place of the client's", async () => {
    const stub = await stubMl()
    const { tracing, settled } = tracer()
    const { url } = await serveRouter({ backends: { gpu: { url: `${stub.url}/base/..` } }, tracing })
    await post(url, search, { headers: { ...TRACED.headers, host: 'gateway:8080', 'user-agent': 'immich' } })
    const { request, attempts } = await settled()
    const [attempt] = attempts
    expect(request).toMatchObject({
      name: 'POST /predict',
      kind: SpanKind.SERVER,
      parentSpanContext: { traceId: TRACE, spanId: 'b7ad6b7169203331' },
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/predict',
        'http.response.status_code': 200,
        'url.path': '/predict',
        'url.scheme': 'http',
        'server.address': 'gateway',
        'server.port': 8080,
        'client.address': '127.0.0.1',
        'user_agent.original': 'immich',
        'network.protocol.version': '1.1',
        'immich_ml.tasks': ['clip'],
        'immich_ml.types': ['textual'],
        'immich_ml.models': ['ViT-B-32__openai'],
        'immich_ml.input': 'text',
        'immich_ml.route': 'default',
        'immich_ml.backend': 'gpu',
        'immich_ml.outcome': 'answered',
        'immich_ml.attempts': 1,
        'immich_ml.queue_time': 0,
        'immich_ml.hold_time': 0,
      },
    })
    expect(request.attributes).not.toHaveProperty('error.type')
    expect(attempt).toMatchObject({
      name: 'POST',
      kind: SpanKind.CLIENT,
      parentSpanContext: { spanId: request.spanContext().spanId },
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'url.full': `${stub.url}/predict`,
        'server.address': '127.0.0.1',
        'server.port': stub.port,
        'immich_ml.backend': 'gpu',
        'immich_ml.hedge': false,
        'immich_ml.outcome': 'answered',
        'immich_ml.connect_time': expect.any(Number),
        'immich_ml.first_byte_time': expect.any(Number),
      },
    })
    expect(stub.received[0]?.headers).toMatchObject({
      traceparent: `00-${TRACE}-${attempt?.spanContext().spanId}-01`,
      tracestate: 'rojo=1',
    })
    const [outer, inner] = [request, attempt ?? request].map((span) =>
      [span.startTime, span.endTime].map(nanoseconds),
    )
    expect(inner?.[0]).toBeGreaterThanOrEqual(outer?.[0] ?? 0)
    expect(inner?.[1]).toBeLessThanOrEqual(outer?.[1] ?? 0)
  })

  it('have at most 64 names of each sort, of 256 characters', () => {
    const { tracing, spans } = tracer()
    const req = Object.assign(new http.IncomingMessage(new Socket()), { method: 'POST', url: '/predict' })
    const trace = tracing.begin(req)
    const entries = Array.from({ length: 30_000 }, (_, index) => {
      const name = `${index}${'x'.repeat(8_000)}`
      return { task: name, type: name, model: name, options: {} }
    })
    const tasks = entries.map(({ task }) => task)
    trace.classified({ classified: true, entries, tasks, input: 'image' })
    trace.end({
      status: 503,
      route: 'default',
      backend: undefined,
      outcome: undefined,
      error: new Error('x'.repeat(100_000)),
      code: 'internal',
      attempts: 0,
      queue: 0,
      hold: 0,
      heartbeats: 0,
    })
    const [span] = spans()
    for (const what of ['tasks', 'types', 'models']) {
      const names = span?.attributes[`immich_ml.${what}`]
      expect(names).toEqual(Array.from({ length: 64 }, () => expect.stringMatching(/^\d+x{200,}…$/)))
    }
    expect(span?.status.message).toHaveLength(2_048)
  })

  it('tell of each attempt that failed before', async () => {
    const [away, broken, well] = [
      await stubMl({ fault: 'refuse' }),
      await stubMl({ fault: 'reset' }),
      await stubMl(),
    ]
    const { tracing, settled } = tracer()
    const { url } = await serveRouter({
      backends: { away: { url: away.url }, broken: { url: broken.url }, well: { url: well.url } },
      routes: [{ backends: ['away', 'broken', 'well'], strategy: 'first' }],
      tracing,
    })
    expect((await post(url, search)).status).toBe(200)
    const { request, attempts } = await settled()
    expect(request.parentSpanContext).toBeUndefined()
    expect(request.attributes).toMatchObject({ 'immich_ml.attempts': 3, 'immich_ml.backend': 'well' })
    expect(request.status.code).toBe(SpanStatusCode.UNSET)
    expect(
      attempts.map(({ attributes, status }) => [
        attributes['immich_ml.backend'],
        attributes['http.request.resend_count'],
        attributes['error.type'],
        status.code,
      ]),
    ).toEqual([
      ['away', undefined, 'connect', SpanStatusCode.ERROR],
      ['broken', 1, 'reset', SpanStatusCode.ERROR],
      ['well', 2, undefined, SpanStatusCode.UNSET],
    ])
  })

  it('tell of the status of a backend that fails, and of one that the client has to hear', async () => {
    const { url: backend } = await listen((req, res) => {
      req.resume().on('end', () => res.writeHead(req.url === '/predict' ? 500 : 200).end('{}'))
    })
    const { tracing, settled } = tracer()
    const { url } = await serveRouter({ backends: { gpu: { url: backend } }, tracing })
    expect((await post(url, search)).status).toBe(500)
    const { request, attempts } = await settled()
    const failed = {
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': '500', 'http.response.status_code': 500 },
    }
    expect(request).toMatchObject(failed)
    expect(attempts).toMatchObject([failed])
  })

  it('overlap when a further copy is sent, and the one that is aborted is no error', async () => {
    const [slow, quick] = [await stubMl({ fault: 'hang' }), await stubMl()]
    const { tracing, settled } = tracer()
    const { url } = await serveRouter({
      backends: { slow: { url: slow.url }, quick: { url: quick.url } },
      routes: [{ backends: ['slow', 'quick'], strategy: 'first', hedge: { after: '50ms' } }],
      tracing,
    })
    expect((await post(url, search, TRACED)).headers['x-immich-ml-backend']).toBe('quick')
    const { attempts } = await settled()
    expect(
      attempts.map(({ attributes, status }) => [
        attributes['immich_ml.backend'],
        attributes['immich_ml.hedge'],
        attributes['immich_ml.outcome'],
        status.code,
      ]),
    ).toEqual([
      ['slow', false, 'superseded', SpanStatusCode.UNSET],
      ['quick', true, 'answered', SpanStatusCode.UNSET],
    ])
    const ids = attempts.map((span) => span.spanContext().spanId)
    expect(quick.received[0]?.headers['traceparent']).toContain(ids[1])
  })

  it('have the waits of the request in them', async () => {
    const stub = await stubMl({ serviceTime: 50 })
    const { tracing, spans, open } = tracer()
    const { url } = await serveRouter({ backends: { gpu: { url: stub.url, maxConcurrent: 1 } }, tracing })
    await Promise.all([post(url, search), post(url, search)])
    await until(() => spans().length === 4 && open.count === 0, 'both are over')
    const waited = spans().find(({ events }) => events.length > 0)
    expect(waited?.events.map(({ name }) => name)).toEqual(['immich_ml.queue.begin', 'immich_ml.queue.end'])
    expect(waited?.attributes['immich_ml.queue_time']).toBeGreaterThan(0)
  })

  it('end when the client leaves, while a backend works and while it waits', async () => {
    const slow = await stubMl({ fault: 'hang' })
    const { tracing, settled } = tracer()
    const { router, url } = await serveRouter({
      backends: { gpu: { url: slow.url, maxConcurrent: 1 } },
      tracing,
    })
    const [first, second] = [new AbortController(), new AbortController()]
    const running = post(url, search, { signal: first.signal })
    await until(() => slow.started === 1, 'the backend has it')
    const waiting = post(url, search, { signal: second.signal })
    await until(() => router.status().held['default'] === 1, 'the other waits')
    second.abort()
    await expect(waiting).rejects.toThrow()
    await until(() => router.status().active === 1, 'it has left')
    first.abort()
    await expect(running).rejects.toThrow()
    const { request, attempts } = await settled(2)
    expect(request.events.map(({ name }) => name)).toEqual(['immich_ml.queue.begin', 'immich_ml.queue.end'])
    for (const span of [request, ...attempts]) {
      expect(span.attributes['immich_ml.outcome']).toBe('client-left')
      expect(span.attributes).not.toHaveProperty('error.type')
      expect(span.status.code).toBe(SpanStatusCode.UNSET)
    }
    expect(request.attributes).not.toHaveProperty('http.response.status_code')
  })

  it.each<[string, Partial<RouterOptions>, number, string | undefined]>([
    ['too large', { maxBodySize: 100 }, 413, undefined],
    ['not wanted', { onUnclassified: 'reject' }, 422, undefined],
    ['for nobody', { routes: [{ backends: ['ocr'] }] }, 503, 'no-backend-available'],
    ['in vain', {}, 502, 'backend-failed'],
  ])('end with what the router answers to a request that is %s', async (_, options, status, type) => {
    const { tracing, settled } = tracer()
    const backends = {
      gpu: { url: 'http://127.0.0.1:1' },
      ocr: { url: 'http://127.0.0.1:1', tasks: ['ocr'] },
    }
    const { url } = await serveRouter({ backends, routes: [{ backends: ['gpu'] }], tracing, ...options })
    const body =
      status === 422
        ? Buffer.from('nothing')
        : status === 413
          ? immichBody('indexing', imageBytes(500))
          : search
    expect((await post(url, body)).status).toBe(status)
    const { request } = await settled()
    expect(request.attributes['http.response.status_code']).toBe(status)
    expect(request.attributes['error.type']).toBe(type)
    expect(request.status.code).toBe(type === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR)
  })

  it('are there for a request to a router that is closed, and for those that closing ends', async () => {
    const slow = await stubMl({ fault: 'hang' })
    const { tracing, spans, open } = tracer()
    const { router, url } = await serveRouter({ backends: { gpu: { url: slow.url } }, tracing })
    const running = post(url, search)
    await until(() => slow.started === 1, 'the backend has it')
    await router.close({ timeout: 0 })
    expect((await running).status).toBe(503)
    expect((await post(url, search)).status).toBe(503)
    await until(() => open.count === 0 && spans().length === 3, 'all are over')
    const errors = spans().map(({ kind, attributes }) => [kind, attributes['error.type']])
    expect(errors).toEqual([
      [SpanKind.CLIENT, 'shutdown'],
      [SpanKind.SERVER, 'router-closed'],
      [SpanKind.SERVER, 'router-closed'],
    ])
  })

  /** A backend whose answer breaks off behind these bytes. */
  async function breaksOffBehind(beginning: string): Promise<string> {
    const { url } = await listen((req, res) => {
      if (req.url !== '/predict') return void res.end('pong')
      req.resume().on('end', () => {
        res.writeHead(200, { 'content-length': beginning.length + 1_000 })
        res.write(beginning, () => res.destroy())
      })
    })
    return url
  }

  it('tell of an answer that breaks off before it has reached the client', async () => {
    const { tracing, settled } = tracer()
    const { url } = await serveRouter({ backends: { gpu: { url: await breaksOffBehind('{') } }, tracing })
    expect((await post(url, search)).status).toBe(502)
    const { request, attempts } = await settled()
    expect(attempts.map(({ attributes }) => attributes['error.type'])).toEqual(['reset'])
    expect(request).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'backend-failed', 'http.response.status_code': 502 },
    })
  })

  it('tell of an answer too large to keep that breaks off when the client has its beginning', async () => {
    const backend = await breaksOffBehind(`{"clip":"${'1'.repeat(2_000_000)}`)
    const { tracing, settled } = tracer()
    const { url } = await serveRouter({ backends: { gpu: { url: backend } }, tracing })
    await expect(post(url, search)).rejects.toThrow()
    const { request, attempts } = await settled()
    expect(attempts).toHaveLength(1)
    for (const span of [request, ...attempts]) expect(span.attributes['error.type']).toBe('reset')
  })

  it('tell of a 200 that is not an answer of an ML server', async () => {
    const { url: backend } = await listen((req, res) => {
      req.resume().on('end', () => res.end(req.url === '/predict' ? '{}' : 'pong'))
    })
    const stub = await stubMl()
    const { tracing, settled } = tracer()
    const { url } = await serveRouter({
      backends: { wrong: { url: backend }, well: { url: stub.url } },
      routes: [{ backends: ['wrong', 'well'], strategy: 'first' }],
      tracing,
    })
    expect((await post(url, search)).status).toBe(200)
    const { request, attempts } = await settled()
    expect(request.status.code).toBe(SpanStatusCode.UNSET)
    expect(attempts).toMatchObject([
      {
        status: {
          code: SpanStatusCode.ERROR,
          message: 'answered 200 without "clip": not an answer of an ML server',
        },
        attributes: {
          'immich_ml.outcome': 'passed-over',
          'error.type': 'wrong-answer',
          'http.response.status_code': 200,
        },
      },
      { status: { code: SpanStatusCode.UNSET }, attributes: { 'immich_ml.outcome': 'answered' } },
    ])
  })
})

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
