import http from 'node:http'
import net from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Policy, RouterOptions } from '@immich-ml-router/core'
import type { Exchange } from '@immich-ml-router/core/parts'
import type { StubMl } from '@immich-ml-router/example-stub-ml'
import { describe, expect, it } from 'vitest'
import type { AdapterUnderTest, Composition, Surroundings } from './adapters/adapter.ts'
import { adapters, direct } from './adapters/all.ts'
import { post, type Sending } from './support/client.ts'
import { FakeClock } from './support/fake-clock.ts'
import {
  CONTENT_TYPE,
  ENTRIES,
  GOOD_ANSWER,
  imageBytes,
  immichBody,
  immichForm,
  type Job,
  multipart,
  sha256,
} from './support/predict-body.ts'
import { listen, stubMl, until } from './support/servers.ts'

/** Three servers and the routes of the seed's router1: by the payload part. */
async function seed(
  adapter: AdapterUnderTest,
  options: Partial<RouterOptions> = {},
  around: Surroundings = {},
) {
  const stubs = { text: await stubMl(), image: await stubMl(), other: await stubMl() }
  const policy: Policy = {
    backends: {
      text: { url: stubs.text.url },
      image: { url: stubs.image.url },
      other: { url: stubs.other.url },
    },
    routes: [
      { match: { input: 'text' }, backends: ['text'] },
      { match: { input: 'image' }, backends: ['image'] },
      { backends: ['other'] },
    ],
  }
  const mounted = adapter.mount({ ...policy, ...options }, around)
  const { url } = await listen(mounted.listener)
  return { stubs, url, policy, ...mounted }
}

function received(stubs: Record<string, StubMl>): Record<string, number> {
  return Object.fromEntries(Object.entries(stubs).map(([name, stub]) => [name, stub.started]))
}

const sendings: Sending[] = (['content-length', 'chunked'] as const).flatMap((framing) =>
  (['whole', 'bytes'] as const).map((pieces) => ({ framing, pieces })),
)

const bodies: { what: string; to: 'text' | 'image' | 'other'; body: Buffer }[] = [
  { what: 'text, 0.3 KB', to: 'text', body: immichBody('textSearch', 'a red "ocr" car') },
  { what: 'image, 0.3 KB', to: 'image', body: immichBody('indexing', imageBytes(64)) },
  { what: 'image, 500 KB', to: 'image', body: immichBody('indexing', imageBytes(500_000)) },
  { what: 'image, 31 MB', to: 'image', body: immichBody('indexing', imageBytes(31_000_000)) },
  {
    what: 'neither text nor image',
    to: 'other',
    body: multipart([{ header: 'entries', content: '{"clip":{"textual":{"modelName":"m"}}}' }]),
  },
  {
    what: 'image first, 500 KB',
    to: 'image',
    body: multipart([
      { header: 'image', content: imageBytes(500_000) },
      { header: 'entries', content: '{"clip":{"visual":{"modelName":"m"}}}' },
    ]),
  },
]

/** Registers a test only where the adapter has what it is about; the reason for each lack is checked below. */
const onlyIf = (applies: boolean) => (name: string, test: () => Promise<void>) => {
  if (applies) it(name, test)
}

describe.each([...adapters, ...direct])('$name', (adapter) => {
  describe.each(bodies)('$what', ({ to, body }) => {
    it.each(sendings)('arrives byte for byte, $framing, $pieces', async (sending) => {
      const { stubs, url } = await seed(adapter)
      const answer = await post(url, body, sending)
      expect(answer.headers['x-immich-ml-backend']).toBe(to)
      expect(received(stubs)).toEqual({ text: 0, image: 0, other: 0, [to]: 1 })
      const [request] = stubs[to].received
      expect(request).toMatchObject({
        url: '/predict',
        size: body.length,
        sha256: sha256(body),
        complete: true,
      })
      const length = request?.headers['content-length']
      expect(length).toBe(sending.framing === 'chunked' ? undefined : String(body.length))
    })
  })

  const jobs: [Job, string | Buffer][] = [
    ['textSearch', 'cat'],
    ['indexing', imageBytes(200_000)],
    ['faces', imageBytes(200_000)],
    ['ocr', imageBytes(200_000)],
  ]
  const byJob: Record<
    string,
    (job: Job) => Partial<Record<'task' | 'type' | 'model' | 'input', string | string[]>>
  > = {
    task: (job) => ({
      task: { textSearch: 'clip', indexing: 'clip', faces: 'facial-recognition', ocr: 'ocr' }[job],
    }),
    type: (job) => ({
      type: { textSearch: 'textual', indexing: 'visual', faces: 'detection', ocr: 'recognition' }[job],
    }),
    model: (job) => ({
      model: { textSearch: 'ViT-*', indexing: '*openai', faces: 'buffalo_l', ocr: ['x', 'PP-OCR*mobile'] }[
        job
      ],
    }),
    input: (job) => ({ input: job === 'textSearch' ? 'text' : 'image' }),
  }

  it.each(Object.keys(byJob))(
    "routes each of Immich's jobs by %s, with real fetch and FormData",
    async (member) => {
      for (const [job, payload] of jobs) {
        const [chosen, other] = [await stubMl(), await stubMl()]
        const { listener } = adapter.mount({
          backends: { chosen: { url: chosen.url }, other: { url: other.url } },
          routes: [{ match: byJob[member]?.(job) as object, backends: ['chosen'] }, { backends: ['other'] }],
        })
        const { url } = await listen(listener)
        const response = await fetch(`${url}/predict`, { method: 'POST', body: immichForm(job, payload) })
        expect(response.status).toBe(200)
        expect(Object.keys((await response.json()) as object)).toContain(chosen.received[0]?.jobs[0]?.task)
        expect([chosen.started, other.started]).toEqual([1, 0])
      }
    },
  )

  it('routes a search with a urlencoded body, and forwards it byte for byte', async () => {
    const { url, stubs } = await seed(adapter)
    const form = new URLSearchParams({ entries: JSON.stringify(ENTRIES.textSearch), text: 'größe & "ocr"' })
    const answer = await fetch(`${url}/predict`, { method: 'POST', body: form })
    expect([answer.status, answer.headers.get('x-immich-ml-backend')]).toEqual([200, 'text'])
    expect(Object.keys((await answer.json()) as object)).toEqual(['clip'])
    const body = Buffer.from(form.toString())
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const sending of sendings)
      expect((await post(url, body, { ...sending, headers })).headers['x-immich-ml-backend']).toBe('text')
    expect(stubs.text.received.map(({ sha256 }) => sha256)).toEqual(Array(5).fill(sha256(body)))
    expect(stubs.text.received[0]?.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
    const image = new URLSearchParams({ entries: JSON.stringify(ENTRIES.indexing), image: 'abc' })
    const indexed = await fetch(`${url}/predict`, { method: 'POST', body: image })
    expect([indexed.status, indexed.headers.get('x-immich-ml-backend')]).toEqual([200, 'image'])
  })

  it('answers /ping and / itself and leaves the rest to the application', async () => {
    const { url, stubs, router } = await seed(adapter)
    expect(await (await fetch(`${url}/ping`)).text()).toBe('pong')
    expect(await (await fetch(url)).json()).toEqual({ message: 'Immich ML' })
    for (const path of ['/ping', '/']) expect((await fetch(url + path, { method: 'HEAD' })).status).toBe(200)
    for (const [method, path] of [
      ['GET', '/predict'],
      ['POST', '/other'],
      ['POST', '/predict/'],
      ['PUT', '/predict'],
    ]) {
      const response = await fetch(url + path, { method: method ?? '' })
      expect([response.status, await response.text()]).toEqual([418, 'not ours'])
    }
    expect(received(stubs)).toEqual({ text: 0, image: 0, other: 0 })
    await router.close()
    const closed = await fetch(`${url}/ping`)
    expect([closed.status, closed.headers.get('retry-after')]).toEqual([503, '5'])
    const refused = await fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'router-closed' }])
  })

  it('sends what it cannot classify to the default route, or answers 422 where it is told to', async () => {
    const broken = multipart([
      { header: 'entries', content: '{"clip":' },
      { header: 'text', content: 'cat' },
    ])
    const { url, stubs } = await seed(adapter)
    expect((await post(url, broken)).status).toBe(422)
    expect(
      (await post(url, Buffer.from('{}'), { headers: { 'content-type': 'application/json' } })).status,
    ).toBe(422)
    expect(received(stubs)).toEqual({ text: 0, image: 0, other: 2 })
    const strict = await seed(adapter, { onUnclassified: 'reject' })
    const answer = await post(strict.url, broken)
    expect(answer.status).toBe(422)
    expect(JSON.parse(answer.body.toString())).toEqual({
      detail: 'Invalid request format.',
      code: 'unclassified',
      reason: 'invalid-json',
    })
    expect(received(strict.stubs)).toEqual({ text: 0, image: 0, other: 0 })
  })

  it('answers 413 over the limit; with a declared length, before a backend sees anything', async () => {
    const { url, stubs } = await seed(adapter, { maxBodySize: '1mb' })
    const body = immichBody('indexing', imageBytes(1_100_000))
    const declared = await post(url, body)
    expect([declared.status, JSON.parse(declared.body.toString()).code]).toEqual([413, 'body-too-large'])
    expect(received(stubs)).toEqual({ text: 0, image: 0, other: 0 })
    const viaFetch = await fetch(`${url}/predict`, {
      method: 'POST',
      body: immichForm('indexing', imageBytes(5_000_000)),
    })
    expect(viaFetch.status).toBe(413)
    const chunked = await post(url, body, { framing: 'chunked' })
    expect(chunked.status).toBe(413)
    expect(stubs.image.received.filter(({ complete }) => complete)).toEqual([])
    const within = immichBody('indexing', imageBytes(1024 * 1024 - 400))
    expect((await post(url, within)).status).toBe(200)
  })

  it('keeps the connection usable after an early answer', async () => {
    const { url } = await seed(adapter, { maxBodySize: '1mb' })
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const large = immichBody('indexing', imageBytes(3_000_000))
    expect((await post(url, large, { agent })).status).toBe(413)
    expect((await post(url, immichBody('textSearch', 'cat'), { agent })).status).toBe(200)
    agent.destroy()
  })

  it('passes on a good answer that comes before the upload is complete, and reads the rest of the upload', async () => {
    const backend = await listen((req, res) => {
      req.on('error', () => {})
      res.writeHead(200, { 'content-type': 'application/json' }).end(GOOD_ANSWER)
    })
    const { listener } = adapter.mount({ backends: { only: { url: backend.url } } })
    const { url } = await listen(listener)
    const request = (body: Buffer, connection: string) =>
      Buffer.concat([
        Buffer.from(
          `POST /predict HTTP/1.1\r\nhost: r\r\nconnection: ${connection}\r\n` +
            `content-type: ${CONTENT_TYPE}\r\ncontent-length: ${body.length}\r\n\r\n`,
        ),
        body,
      ])
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(request(immichBody('indexing', imageBytes(3_000_000)), 'keep-alive'))
    socket.write(request(immichBody('textSearch', 'cat'), 'close'))
    const answers = (await buffer(socket)).toString()
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200'])
  })

  it('keeps what belongs to one connection from the other, both ways', async () => {
    const backend = await listen((req, res) => {
      req.resume()
      req.on('end', () => {
        res.writeHead(
          203,
          'Fine By Me',
          [
            ['Content-Type', 'application/json'],
            ['X-Custom-CASE', 'a'],
            ['Set-Cookie', 'a=1'],
            ['Set-Cookie', 'b=2'],
            ['Connection', 'X-Secret, close'],
            ['X-Secret', 'hop'],
            ['Proxy-Authenticate', 'Basic'],
            ['X-Immich-ML-Backend', 'forged'],
            ['Trailer', 'X-Checksum'],
          ].flat(),
        )
        res.write('{"clip":"[0.5]","seen":')
        res.write(JSON.stringify(req.headers))
        res.addTrailers({ 'X-Checksum': 'abc' })
        res.end('}')
      })
    })
    const { listener } = adapter.mount({
      backends: { only: { url: `${backend.url.replace('//', '//user:p%40ss@')}/base/` } },
    })
    const { url } = await listen(listener)
    const answer = await post(url, immichBody('textSearch', 'cat'), {
      headers: {
        connection: 'close, x-hop',
        'x-hop': '1',
        te: 'trailers',
        'proxy-authorization': 'Basic secret',
        authorization: 'Bearer client',
        cookie: 'a=1',
        'x-forwarded-for': '1.2.3.4',
        forwarded: 'for=1.2.3.4',
        'x-request-id': 'r1',
        traceparent: '00-a-b-01',
        'accept-encoding': 'gzip, br',
      },
    })
    const seen = JSON.parse(answer.body.toString()).seen
    expect(seen).toEqual({
      host: new URL(backend.url).host,
      connection: 'keep-alive',
      'accept-encoding': 'identity',
      authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
      'content-type': expect.stringContaining('multipart/form-data'),
      'content-length': expect.stringMatching(/^\d+$/),
      'x-request-id': 'r1',
      traceparent: '00-a-b-01',
    })
    expect(answer.status).toBe(203)
    expect(answer.headers).toMatchObject({
      'set-cookie': ['a=1', 'b=2'],
      'x-custom-case': 'a',
      'x-immich-ml-backend': 'only',
    })
    expect(answer.rawHeaders).toContain('X-Custom-CASE')
    for (const name of ['x-secret', 'proxy-authenticate']) expect(answer.headers[name]).toBeUndefined()
    expect(answer.trailers).toEqual({ 'x-checksum': 'abc' })
  })

  it('appends /predict to the base path of a backend, whatever the client asked for', async () => {
    const paths: unknown[] = []
    const backend = await listen((req, res) => {
      paths.push(req.url)
      req.resume().on('end', () => res.end(GOOD_ANSWER))
    })
    const { listener } = adapter.mount({
      backends: { only: { url: `${backend.url}/ml/v1/` } },
      health: false,
      forwardHeaders: ['Authorization'],
      backendHeader: false,
      upstreamHeader: 'X-Upstream',
    })
    const { url } = await listen(listener)
    const answer = await post(url, immichBody('textSearch', 'cat'), { path: '/predict?x=../../admin' })
    expect([answer.status, answer.headers['x-immich-ml-backend']]).toEqual([200, undefined])
    expect(paths).toEqual(['/ml/v1/predict'])
  })

  it('passes on a 500 of the only backend as it is, and answers 502 when no answer is complete', async () => {
    const { url, stubs } = await seed(adapter)
    const body = immichBody('textSearch', 'cat')
    await stubs.text.setFault('error')
    expect((await post(url, body)).status).toBe(500)
    for (const [fault, code] of [
      ['reset', 'backend-failed'],
      ['refuse', 'backend-failed'],
      ['half-response', 'backend-failed'],
    ] as const) {
      await stubs.text.setFault(fault)
      const answer = await post(url, body)
      expect([answer.status, JSON.parse(answer.body.toString())]).toMatchObject([502, { code }])
    }
    await stubs.text.setFault('slow-body')
    const slow = await post(url, body)
    expect([slow.status, Object.keys(JSON.parse(slow.body.toString()))]).toEqual([200, ['clip']])
  })

  it('closes the connection when an answer that is too large to keep breaks off', async () => {
    const { url: backend } = await listen((req, res) => {
      req.resume().on('end', () => {
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': 4_000_000 })
        res.write(`{"clip":"${'1'.repeat(2_000_000)}`, () => res.destroy())
      })
    })
    const { listener, router } = adapter.mount({
      backends: { large: { url: backend }, other: { url: (await stubMl()).url } },
      routes: [{ backends: ['large', 'other'], strategy: 'first' }],
      health: false,
    })
    const { url } = await listen(listener)
    await expect(post(url, immichBody('textSearch', 'cat'))).rejects.toThrow(/aborted|hang up|ECONNRESET/)
    await until(() => router.status().active === 0, 'the request is over')
    expect(router.status().backends.map(({ inFlight }) => inFlight)).toEqual([0, 0])
  })

  it('keeps the headers that an earlier middleware set', async () => {
    const { url } = await seed(adapter, {}, { before: 'sets-header' })
    const answer = await post(url, immichBody('textSearch', 'cat'))
    expect(answer.headers).toMatchObject({ 'x-app': 'mine', 'x-immich-ml-backend': 'text' })
  })

  it('takes a base path, and leaves other paths to the next router', async () => {
    const home = await stubMl()
    const beside: RouterOptions = { path: '/home/', backends: { home: { url: home.url } } }
    const { url, stubs } = await seed(adapter, { path: '/ml' }, { beside })
    const body = immichBody('textSearch', 'cat')
    const by = async (path: string) => (await post(url, body, { path })).headers['x-immich-ml-backend']
    expect([await by('/ml/predict'), await by('/home/predict?x=1')]).toEqual(['text', 'home'])
    for (const path of ['/ml/ping', '/home/ping']) expect(await (await fetch(url + path)).text()).toBe('pong')
    for (const path of ['/ml', '/ml/', '/home'])
      expect(await (await fetch(url + path)).json()).toEqual({ message: 'Immich ML' })
    for (const path of ['/', '/ping', '/predict', '/mlx/ping', '/ml/other', '/home/ml/ping'])
      expect((await fetch(url + path)).status).toBe(418)
    expect([stubs.text.received[0]?.url, home.received[0]?.url]).toEqual(['/predict', '/predict'])
  })

  it('says once that requests come over HTTP/1.0', async () => {
    const { url, router } = await seed(adapter)
    const notices: unknown[] = []
    router.on('notice', (notice) => notices.push(notice))
    const body = immichBody('textSearch', 'cat')
    expect(router.status().notices).toEqual([])
    for (let i = 0; i < 2; i++) {
      const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
      const head = `POST /predict HTTP/1.0\r\ncontent-type: ${CONTENT_TYPE}\r\ncontent-length: ${body.length}\r\n\r\n`
      socket.write(Buffer.concat([Buffer.from(head), body]))
      expect((await buffer(socket)).toString()).toMatch(/^HTTP\/1\.1 200 /)
    }
    expect(notices).toEqual([
      { kind: 'http-1.0', client: '127.0.0.1', message: expect.stringContaining('proxy_http_version 1.1') },
    ])
    expect(router.status().notices).toEqual(notices)
  })

  it('while it drains, holds new requests until running ones are over', async () => {
    const { url, stubs, router } = await seed(adapter)
    await stubs.image.setFault('hang')
    const running = post(url, immichBody('indexing', imageBytes(100_000)))
    await until(() => stubs.image.started === 1, 'one runs')
    const closed = router.close({ timeout: 300 })
    const held = post(url, immichBody('textSearch', 'cat'))
    await until(() => [...router.waiting()].length === 1, 'the other is held')
    expect((await fetch(`${url}/ping`)).status).toBe(503)
    expect([router.status().state, stubs.text.started]).toEqual(['closing', 0])
    await closed
    for (const { status, body } of [await running, await held])
      expect([status, JSON.parse(body.toString()).code]).toEqual([503, 'router-closed'])
    expect([router.status().state, router.status().active, stubs.text.started]).toEqual(['closed', 0, 0])
  })

  it('refuses bulk requests slowly, and searches at once', async () => {
    const clock = new FakeClock()
    const { url, stubs, router } = await seed(adapter, { clock, health: false, heartbeat: false })
    await stubs.image.setFault('refuse')
    await stubs.text.setFault('refuse')
    const [image, search] = [
      immichBody('indexing', imageBytes(1_000_000)),
      immichBody('textSearch', 'cat'),
    ] as const
    expect((await post(url, image)).status).toBe(502)
    const slow = post(url, image)
    await until(() => clock.pending > 0 && router.status().bodies.memory === 0, 'it waits to be refused')
    expect((await post(url, search)).status).toBe(502)
    const leaving = new AbortController()
    const left = post(url, image, { signal: leaving.signal })
    left.catch(() => {})
    await until(() => router.status().active === 2, 'another waits')
    leaving.abort()
    await until(() => router.status().active === 1, 'it has left')
    clock.advance(1_000)
    expect((await slow).status).toBe(502)
  })

  onlyIf(adapter.prefixes === true)('works under a prefix', async () => {
    const { url, stubs } = await seed(adapter, {}, { prefix: '/ml' })
    expect((await post(url, immichBody('textSearch', 'cat'), { path: '/ml/predict' })).status).toBe(200)
    expect(await (await fetch(`${url}/ml/ping`)).text()).toBe('pong')
    expect((await fetch(`${url}/ping`)).status).toBe(418)
    expect(stubs.text.received[0]?.url).toBe('/predict')
  })

  onlyIf(adapter.bodyParsers === true)('uses the bytes that an earlier middleware kept', async () => {
    const { url, stubs } = await seed(adapter, {}, { before: 'keeps-body' })
    for (const framing of ['content-length', 'chunked'] as const) {
      const body = immichBody('indexing', imageBytes(500_000))
      expect((await post(url, body, { framing })).status).toBe(200)
      expect(stubs.image.received.at(-1)).toMatchObject({ sha256: sha256(body), size: body.length })
    }
  })

  onlyIf(adapter.bodyParsers === true)('says which middleware to move when the body was eaten', async () => {
    const { url, stubs } = await seed(adapter, {}, { before: 'eats-body' })
    const answer = await post(url, immichBody('textSearch', 'cat'))
    expect(answer.status).toBe(500)
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      code: 'body-consumed',
      detail: expect.stringMatching(/body parser.*Move the immich-ml-router middleware above it/),
    })
    expect(received(stubs)).toEqual({ text: 0, image: 0, other: 0 })
  })

  onlyIf(adapter.name.startsWith('Koa'))(
    "lets an outer middleware's next() return when the response is done",
    async () => {
      const { url, afterNext } = await seed(adapter)
      await post(url, immichBody('textSearch', 'cat'))
      expect(afterNext).toEqual([{ finished: true }])
    },
  )

  it('keeps a client with heartbeats while it waits, and serves it when a backend is back', async () => {
    const clock = new FakeClock()
    const stub = await stubMl({ fault: 'refuse' })
    const { listener, router } = adapter.mount({
      backends: { gpu: { url: stub.url } },
      routes: [{ backends: ['gpu'], hold: '12h' }],
      clock,
    })
    const { url } = await listen(listener)
    const body = immichForm('indexing', imageBytes(2_000_000))
    const response = fetch(`${url}/predict`, { method: 'POST', body })
    await until(() => router.status().held['default'] === 1, 'it waits')
    const ticking = setInterval(() => clock.advance(500), 1)
    const answer = await response
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
    await stub.setFault(undefined)
    expect(await answer.text()).toMatch(/^ +\{"clip"/)
    clearInterval(ticking)
    expect(stub.received[0]?.complete).toBe(true)
    await router.close()
    expect(clock.pending).toBe(0)
  })

  it('sends a request that is late to another backend as well, and gives the first good answer', async () => {
    const clock = new FakeClock()
    const [slow, quick] = [await stubMl({ fault: 'hang' }), await stubMl()]
    const { listener, router } = adapter.mount({
      backends: { slow: { url: slow.url }, quick: { url: quick.url } },
      routes: [{ backends: ['slow', 'quick'], hedge: { after: '300ms' } }],
      clock,
    })
    const { url } = await listen(listener)
    const response = fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    await until(() => slow.received.length === 1, 'the first backend has it')
    clock.advance(300)
    const answer = await response
    expect([answer.status, answer.headers.get('x-immich-ml-backend')]).toEqual([200, 'quick'])
    expect(Object.keys((await answer.json()) as object)).toEqual(['clip'])
    await until(async () => (await slow.connections()) === 0, 'the first is aborted')
    await router.close()
    expect([router.status().backends.map(({ inFlight }) => inFlight), clock.pending]).toEqual([[0, 0], 0])
  })

  it('answers a failure behind a heartbeat by cutting the connection', async () => {
    const clock = new FakeClock()
    const { listener, router } = adapter.mount({
      backends: { gpu: { url: (await stubMl({ fault: 'refuse' })).url } },
      routes: [{ backends: ['gpu'], hold: '12h' }],
      clock,
    })
    const { url } = await listen(listener)
    const response = fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    await until(() => router.status().held['default'] === 1, 'it waits')
    clock.advance(150_000)
    const failed = expect((await response).json()).rejects.toThrow()
    await router.close()
    await failed
  })

  it('goes by other options when it is given some', async () => {
    const { stubs, policy } = await seed(adapter)
    const { listener, router } = adapter.mount(policy)
    const { url } = await listen(listener)
    const changes = router.reload({
      backends: { new: { url: stubs.other.url } },
      backendHeader: 'x-by',
      maxBodySize: 900,
    })
    // With the adapters that have another transport, that is different, too.
    expect(changes.options).toEqual(expect.arrayContaining(['backendHeader', 'maxBodySize']))
    expect((await post(url, immichBody('ocr', imageBytes(100)))).headers['x-by']).toBe('new')
    expect((await post(url, immichBody('ocr', imageBytes(1_000)))).status).toBe(413)
    await router.close()
  })

  if (typeof adapter.compose === 'function')
    describe('composed of its three parts', () => {
      async function composed(between: Partial<Composition>) {
        const { stubs, policy } = await seed(adapter)
        if (typeof adapter.compose !== 'function') throw new Error(adapter.compose.lackingBecause)
        const { listener, reload, close } = adapter.compose({ policy, ...between })
        const { url } = await listen(listener)
        return { stubs, url, reload, close }
      }

      it('classifies, selects and forwards', async () => {
        const seen: unknown[] = []
        const { url, stubs, close } = await composed({
          afterClassify: ({ classification, lease }) => seen.push(classification.tasks, lease),
          beforeForward: ({ lease }) => {
            seen.push(lease?.backend.name, lease?.route, lease?.backend.inFlight)
            return false
          },
        })
        const body = immichBody('ocr', imageBytes(500_000))
        expect((await post(url, body)).status).toBe(200)
        expect(seen).toEqual([['ocr'], undefined, 'image', 'image', 1])
        expect(stubs.image.received[0]?.sha256).toBe(sha256(body))
        await close()
      })

      it('lets middleware overrule the classification and the backend', async () => {
        const swapped = await composed({
          afterClassify: (exchange) => {
            if (exchange.classification.classified)
              exchange.classification = { ...exchange.classification, input: 'text' }
          },
        })
        const body = immichBody('indexing', imageBytes(100_000))
        expect((await post(swapped.url, body)).headers['x-immich-ml-backend']).toBe('text')
        const named = await composed({ afterClassify: (exchange) => exchange.use('other') })
        expect((await post(named.url, body)).headers['x-immich-ml-backend']).toBe('other')
      })

      it('goes by another policy when it is given one', async () => {
        const { url, stubs, reload } = await composed({})
        reload({ backends: { new: { url: stubs.other.url } } })
        expect((await post(url, immichBody('ocr', imageBytes(100)))).headers['x-immich-ml-backend']).toBe(
          'new',
        )
        expect(received(stubs)).toEqual({ text: 0, image: 0, other: 1 })
      })

      it('gives the slot back when middleware answers by itself', async () => {
        let exchange: Exchange | undefined
        const { url, stubs } = await composed({
          beforeForward: (it) => {
            exchange = it
            return true
          },
        })
        const answer = await post(url, immichBody('indexing', imageBytes(3_000_000)))
        expect([answer.status, received(stubs)]).toEqual([403, { text: 0, image: 0, other: 0 }])
        expect(exchange?.lease?.backend.inFlight).toBe(0)
      })

      it('waits for a backend, and forgets whoever leaves meanwhile', async () => {
        const gpu = await stubMl({ fault: 'refuse' })
        const held: string[] = []
        const { url, close } = await composed({
          policy: {
            backends: { gpu: { url: gpu.url } },
            routes: [{ backends: ['gpu'], hold: '12h' }],
          },
          environment: { onHold: ({ kind }) => held.push(kind) },
        })
        const leaving = new AbortController()
        const left = post(url, immichBody('indexing', imageBytes(3_000_000)), { signal: leaving.signal })
        left.catch(() => {})
        await until(() => held.length === 1, 'the first waits')
        leaving.abort()
        await until(() => held.length === 2, 'the first is gone')
        const stays = post(url, immichBody('ocr', imageBytes(3_000_000)))
        await until(() => held.length === 3, 'the second waits')
        await gpu.setFault(undefined)
        expect([(await stays).status, gpu.started]).toEqual([200, 1])
        expect(held).toEqual(['held', 'gave-up', 'held', 'released'])
        await close()
      })

      it('sends a request that is late to another backend as well', async () => {
        const clock = new FakeClock()
        const [slow, quick] = [await stubMl({ fault: 'hang' }), await stubMl()]
        let exchange: Exchange | undefined
        const { url, close } = await composed({
          policy: {
            backends: { slow: { url: slow.url }, quick: { url: quick.url } },
            routes: [{ backends: ['slow', 'quick'], hedge: { after: '300ms' } }],
          },
          environment: { clock },
          forward: { clock },
          beforeForward: (it) => {
            exchange = it
            return false
          },
        })
        const answer = post(url, immichBody('textSearch', 'cat'))
        await until(() => slow.received.length === 1, 'the first backend has it')
        clock.advance(300)
        expect((await answer).headers['x-immich-ml-backend']).toBe('quick')
        expect(exchange?.attempts.map(({ outcome }) => outcome.kind)).toEqual(['superseded', 'answered'])
        expect([exchange?.lease?.backend.name, exchange?.lease?.backend.inFlight]).toEqual(['quick', 0])
        await close()
      })

      it('refuses what is too large and what was eaten', async () => {
        const { url } = await composed({})
        expect((await post(url, immichBody('indexing', imageBytes(40_000_000)))).status).toBe(413)
      })
    })
})

describe('what an adapter lacks', () => {
  it('has a written reason', () => {
    const reasons = adapters.flatMap(({ compose, prefixes, bodyParsers }) =>
      [compose, prefixes, bodyParsers].flatMap((part) =>
        typeof part === 'object' ? [part.lackingBecause] : [],
      ),
    )
    expect(reasons).toHaveLength(3)
    for (const reason of reasons) expect(reason).not.toBe('')
  })
})
