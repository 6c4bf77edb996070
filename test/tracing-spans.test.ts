import http from 'node:http'
import { Socket } from 'node:net'
import type { RouterOptions } from '@immich-ml-router/core'
import { CONTENT_TYPE, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { rawConnection } from './support/raw-client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { search, TRACE, TRACED, tracer } from './support/spans.ts'

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
    // The SDK sets each span's clock by the system's, in milliseconds.
    expect(inner?.[0]).toBeGreaterThan((outer?.[0] ?? 0) - 1e6)
    expect(inner?.[1]).toBeLessThan((outer?.[1] ?? 0) + 1e6)
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
