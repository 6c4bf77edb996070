import { once } from 'node:events'
import http from 'node:http'
import type { RouterOptions } from '@immich-ml-router/core'
import { CONTENT_TYPE, FakeClock, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { image, pool, started } from './support/failover-pool.ts'
import { listen, stubMl, until } from './support/servers.ts'

/** Its refusals are not spaced out. */
const search = immichBody('textSearch', 'cat')

describe('a backend that goes on failing', () => {
  it('is left alone after the third failure, and tried by one request when its time is over', async () => {
    const clock = new FakeClock()
    const { url, stubs, router } = await pool([{ fault: 'hang' }, {}], {
      clock,
      timeouts: { response: '1s' },
    })
    const search = immichBody('textSearch', 'cat')
    for (let i = 1; i <= 3; i++) {
      const answer = post(url, search)
      await until(() => stubs['a']?.received.length === i, 'the first backend has it')
      clock.advance(1_000)
      expect((await answer).headers['x-immich-ml-backend']).toBe('b')
    }
    // From here on, no request waits for it, and the clock stands still.
    for (let i = 0; i < 5; i++) expect((await post(url, search)).headers['x-immich-ml-backend']).toBe('b')
    expect(started(stubs)).toEqual([3, 8])
    expect(router.status().backends[0]?.health.tasks['clip/textual']).toMatchObject({
      kind: 'open',
      reason: 'response-timeout',
    })
    await stubs['a']?.setFault(undefined)
    clock.advance(6_000)
    expect((await post(url, search)).headers['x-immich-ml-backend']).toBe('a')
    expect((await post(url, search)).headers['x-immich-ml-backend']).toBe('a')
    expect(router.status().backends[0]?.health).toMatchObject({
      reachable: { kind: 'closed', failures: 0 },
      tasks: { 'clip/textual': { kind: 'recovering', limit: 3 } },
    })
  })

  it('never costs a request that another could serve, however long it is away', async () => {
    const clock = new FakeClock()
    const { url, stubs, router } = await pool([{ fault: 'refuse' }, {}], { clock })
    for (let i = 0; i < 100; i++) {
      expect((await post(url, immichBody('textSearch', 'cat'))).headers['x-immich-ml-backend']).toBe('b')
      clock.advance(1_000)
    }
    expect(router.status().backends[0]?.health.reachable).toMatchObject({ kind: 'open', reason: 'connect' })
    await stubs['a']?.setFault('error')
    clock.advance(300_000)
    for (let i = 0; i < 20; i++) {
      expect((await post(url, immichBody('textSearch', 'cat'))).headers['x-immich-ml-backend']).toBe('b')
      clock.advance(4_000)
    }
  })

  it('at one task serves the others', async () => {
    const picky = await listen((req, res) => {
      const chunks: Buffer[] = []
      req
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => res.writeHead(Buffer.concat(chunks).includes('"ocr"') ? 500 : 200).end(GOOD_ANSWER))
    })
    const good = await stubMl()
    const { url } = await pool([], {
      backends: { picky: { url: picky.url }, good: { url: good.url } },
      clock: new FakeClock(),
    })
    const backendFor = async (body: Buffer) => (await post(url, body)).headers['x-immich-ml-backend']
    const ocr = immichBody('ocr', imageBytes(100))
    for (let i = 0; i < 4; i++) expect(await backendFor(ocr)).toBe('good')
    expect(await backendFor(immichBody('indexing', imageBytes(100)))).toBe('picky')
  })

  it('is told of: in events, in the status, and by /ping when no backend is left', async () => {
    const clock = new FakeClock()
    const { url, stubs, router } = await pool([{ fault: 'refuse' }], { clock })
    const told: string[] = []
    router.on('backend', (event) => {
      if (event.kind === 'breaker')
        told.push(`${event.backend} ${event.task} ${event.from.kind}-${event.to.kind}`)
    })
    for (let i = 0; i < 3; i++) {
      expect((await fetch(`${url}/ping`)).status).toBe(200)
      expect((await post(url, search)).status).toBe(502)
    }
    const ping = await fetch(`${url}/ping`)
    expect([ping.status, ping.headers.get('retry-after'), await ping.json()]).toEqual([
      503,
      '5',
      { code: 'no-backend-available', detail: 'No backend can be reached.' },
    ])
    await stubs['a']?.setFault(undefined)
    clock.advance(6_000)
    expect((await fetch(`${url}/ping`)).status).toBe(200)
    expect((await post(url, image)).status).toBe(200)
    expect(told).toEqual([
      'a undefined closed-open',
      'a undefined open-trial',
      'a undefined trial-recovering',
    ])
  })

  it('is tried all the same when every other is ejected as well', async () => {
    const { url, stubs, router } = await pool([{ fault: 'refuse' }, { fault: 'refuse' }], {
      clock: new FakeClock(),
      retries: 0,
    })
    for (let i = 0; i < 6; i++) expect((await post(url, search)).status).toBe(502)
    expect(router.status().backends.map(({ health }) => health.reachable.kind)).toEqual(['open', 'open'])
    for (const stub of Object.values(stubs)) await stub.setFault(undefined)
    expect((await post(url, image)).status).toBe(200)
  })
})

describe('timeouts', () => {
  it("a backend that never answers costs a search its route's response timeout, and no more", async () => {
    const clock = new FakeClock()
    const { url, stubs, events } = await pool([{ fault: 'hang' }, {}], {
      clock,
      timeouts: { response: '1h' },
      routes: [
        { match: { input: 'text' }, backends: ['a', 'b'], timeouts: { response: '700ms' } },
        { backends: ['a'] },
      ],
    })
    const search = post(url, immichBody('textSearch', 'cat'))
    await until(() => stubs['a']?.received.length === 1, 'the first backend has it')
    clock.advance(699)
    expect(stubs['b']?.started).toBe(0)
    clock.advance(1)
    expect((await search).headers['x-immich-ml-backend']).toBe('b')
    expect(events[0]?.attempts[0]).toMatchObject({
      backend: 'a',
      time: 700,
      outcome: { cause: 'response-timeout' },
    })
    await until(() => clock.pending === 0, 'no timer is left')
  })

  it('all by timeout is 504; the total ends every attempt', async () => {
    const clock = new FakeClock()
    const { url, stubs, inFlight } = await pool([{ fault: 'hang' }, { fault: 'hang' }], {
      clock,
      timeouts: { response: '10s', total: '15s' },
    })
    const answer = post(url, image)
    await until(() => stubs['a']?.received.length === 1, 'the first backend has it')
    clock.advance(10_000)
    await until(() => stubs['b']?.received.length === 1, 'the second backend has it')
    clock.advance(5_000)
    const { status, body } = await answer
    expect([status, JSON.parse(body.toString())]).toEqual([
      504,
      {
        code: 'backend-timeout',
        detail: 'No backend answered in time: "a" failed (response-timeout), "b" failed (total-timeout).',
      },
    ])
    expect(inFlight()).toEqual([0, 0])
    expect(clock.pending).toBe(0)
  })

  it('a client that is slow to upload is not blamed on the backend, however slow', async () => {
    const clock = new FakeClock()
    const { url, stubs, router, events } = await pool([{}, {}], { clock, timeouts: { response: '1s' } })
    const req = http.request(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': CONTENT_TYPE, 'content-length': image.length },
    })
    const response = once(req, 'response')
    req.write(image.subarray(0, 200_000))
    await until(() => stubs['a']?.started === 1, 'the backend has the beginning')
    // The clock is moved only once everything that was sent has gone through.
    await until(() => router.status().active === 1 && clock.pending === 2, 'it waits for the client')
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
    clock.advance(59_000)
    req.end(image.subarray(200_000))
    const [answer] = (await response) as [http.IncomingMessage]
    answer.resume()
    expect([answer.statusCode, answer.headers['x-immich-ml-backend']]).toEqual([200, 'a'])
    await until(() => events.length === 1, 'it is over')
    expect(events[0]?.attempts).toHaveLength(1)
    expect(router.status().backends[0]).toMatchObject({
      health: { tasks: {} },
      latencies: { 'clip/visual/ViT-B-32__openai': 0 },
    })
  })

  it.each<[string, Partial<RouterOptions>]>([
    ['is given up while it is kept', {}],
    ['is cut off once it is streamed', { answerMemory: 10 }],
  ])('a response that stops in the middle %s', async (_, options) => {
    const clock = new FakeClock()
    const { url: backend } = await listen((req, res) => {
      req.resume().on('end', () => res.writeHead(200, { 'content-length': 20 }).write('{"clip": "[0.1'))
    })
    const { url, router } = await pool([], {
      backends: { slow: { url: backend } },
      clock,
      timeouts: { idle: '1s' },
      ...options,
    })
    const answer = post(url, image)
    answer.catch(() => {})
    await until(() => clock.pending > 0 && router.status().active === 1, 'it is running')
    const ticking = setInterval(() => clock.advance(100), 1)
    if (options.answerMemory === undefined) {
      const { status, body } = await answer
      expect([status, JSON.parse(body.toString()).detail]).toEqual([
        504,
        'No backend answered in time: "slow" failed (idle-timeout).',
      ])
    } else await expect(answer).rejects.toThrow()
    clearInterval(ticking)
    expect(router.status().backends[0]?.inFlight).toBe(0)
  })
})
