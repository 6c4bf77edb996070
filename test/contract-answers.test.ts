import http from 'node:http'
import net from 'node:net'
import { buffer } from 'node:stream/consumers'
import {
  CONTENT_TYPE,
  FakeClock,
  GOOD_ANSWER,
  imageBytes,
  immichBody,
  immichForm,
} from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { adapters, direct } from './adapters/all.ts'
import { post } from './support/client.ts'
import { received, seed } from './support/contract-seed.ts'
import { listen, stubMl, until } from './support/servers.ts'

describe.each([...adapters, ...direct])('$name', (adapter) => {
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

  it('while it drains, holds new requests until running ones are over', async () => {
    const { url, stubs, router } = await seed(adapter)
    await stubs.image.setFault('hang')
    const running = post(url, immichBody('indexing', imageBytes(100_000)))
    await until(() => stubs.image.started === 1, 'one runs')
    const late = new AbortController()
    const closed = router.close({ timeout: 60_000, signal: late.signal })
    const held = post(url, immichBody('textSearch', 'cat'))
    await until(() => [...router.waiting()].length === 1, 'the other is held')
    expect((await fetch(`${url}/ping`)).status).toBe(503)
    expect([router.status().state, stubs.text.started]).toEqual(['closing', 0])
    late.abort()
    await closed
    for (const { status, body } of [await running, await held])
      expect([status, JSON.parse(body.toString()).code]).toEqual([503, 'router-closed'])
    expect([router.status().state, router.status().active, stubs.text.started]).toEqual(['closed', 0, 0])
  })

  it('refuses bulk requests slowly, and searches at once', async () => {
    const clock = new FakeClock()
    const { url, router } = await seed(adapter, {
      clock,
      heartbeat: false,
      routes: [{ backends: ['image'], hold: { bulk: '12h', interactive: '12h', maxHeld: 1 } }],
    })
    await router.drain('image')
    const image = immichBody('indexing', imageBytes(1_000_000))
    const held = post(url, image)
    await until(() => [...router.waiting()].length === 1, 'one is held')
    expect((await post(url, image)).status).toBe(503)
    let isRefused = false
    const slow = post(url, image).finally(() => {
      isRefused = true
    })
    await until(() => router.status().active === 2, 'another waits to be refused')
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(503)
    const leaving = new AbortController()
    post(url, image, { signal: leaving.signal }).catch(() => {})
    await until(() => router.status().active === 3, 'one more waits')
    leaving.abort()
    await until(() => router.status().active === 2, 'it has left')
    expect(isRefused).toBe(false)
    clock.advance(1_000)
    expect((await slow).status).toBe(503)
    await router.close({ timeout: 0 })
    expect((await held).status).toBe(503)
  })

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
})
