import { once } from 'node:events'
import http from 'node:http'
import type { BackendOptions, Route, RouterOptions } from '@immich-ml-router/core'
import type { StubOptions } from '@immich-ml-router/example-stub-ml'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { FakeClock } from './support/fake-clock.ts'
import {
  CONTENT_TYPE,
  GOOD_ANSWER,
  imageBytes,
  immichBody,
  immichForm,
  sha256,
} from './support/predict-body.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

const LATE: Partial<Route> = { hedge: { after: '300ms' } }

/** A router over backends a, b, c, … in that order, with one route, on a clock that stands still. */
async function serve(
  backends: readonly BackendOptions[],
  route: Partial<Route> = LATE,
  options: Partial<RouterOptions> = {},
) {
  const clock = new FakeClock()
  const named = Object.fromEntries(
    backends.map((backend, i) => ['abcdef'[i] ?? '', { maxConcurrent: 'unlimited' as const, ...backend }]),
  )
  const served = await serveRouter({
    backends: named,
    routes: [{ backends: Object.keys(named), strategy: 'first', ...route }],
    health: false,
    heartbeat: false,
    clock,
    ...options,
  })
  const { router, url, requests: events } = served
  const inFlight = () => router.status().backends.map((backend) => backend.inFlight)
  /** How each copy of a request ended, once it is over. */
  const ends = async (request = 0) => {
    await until(() => events.length > request, 'it is over')
    return events[request]?.attempts.map(({ backend, outcome, hedge }) => {
      const how = 'cause' in outcome ? outcome.cause : outcome.kind
      return `${backend} ${how}${hedge ? ', a hedge' : ''}`
    })
  }
  return { clock, router, url, events, inFlight, ends }
}

/** The same over stand-ins. */
async function pool(
  servers: readonly StubOptions[],
  route: Partial<Route> = LATE,
  options: Partial<RouterOptions> = {},
) {
  const stubs = await Promise.all(servers.map((server) => stubMl(server)))
  const served = await serve(
    stubs.map(({ url }) => ({ url })),
    route,
    options,
  )
  const has = (i: number, requests = 1) =>
    until(() => stubs[i]?.received.length === requests, `backend ${i} has ${requests}`)
  return { stubs, has, started: () => stubs.map((stub) => stub.started), ...served }
}

/** A server that answers each predict request when it is told to, and sees when it is aborted. */
async function gate() {
  const waiting: http.ServerResponse[] = []
  const seen = { requests: 0, aborted: 0 }
  const { url } = await listen((req, res) => {
    req.resume().on('end', () => {
      seen.requests++
      waiting.push(res)
    })
    res.on('close', () => {
      if (!res.writableFinished) seen.aborted++
    })
  })
  const next = async () => {
    await until(() => waiting.length > 0, 'the server has a request')
    const res = waiting.shift()
    if (res === undefined) throw new Error('another was quicker')
    return res
  }
  const answer = async (status: number, body: string, headers: http.OutgoingHttpHeaders = {}) => {
    const res = await next()
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }
  const reset = async () => void (await next()).socket?.resetAndDestroy()
  const has = (requests = 1) => until(() => seen.requests === requests, `the server has ${requests}`)
  return { url, seen, waiting, next, answer, reset, has }
}

/** Two gates, and perhaps further backends, and a request that is late at the first. */
async function late(
  further: readonly BackendOptions[] = [],
  route: Partial<Route> = LATE,
  options: Partial<RouterOptions> = {},
) {
  const [a, b] = [await gate(), await gate()]
  const served = await serve([{ url: a.url }, { url: b.url }, ...further], route, options)
  const leaving = new AbortController()
  const answer = post(served.url, search, { signal: leaving.signal })
  answer.catch(() => {})
  await a.has()
  served.clock.advance(300)
  await b.has()
  return { a, b, answer, leaving, ...served }
}

const FROM_A = '{"clip":"[1]"}'
const FROM_B = '{"clip":"[2]"}'
const search = immichBody('textSearch', 'cat')
const image = immichBody('indexing', imageBytes(500_000))

describe('a request that is late', () => {
  it.each([
    ['a search', search],
    ['an image of 500 KB', image],
  ])(
    'goes to another backend as well, whose answer counts, and is aborted at the first: %s',
    async (_, body) => {
      const { url, stubs, has, clock, router, ends, events, inFlight } = await pool([{ fault: 'hang' }, {}])
      const answer = post(url, body)
      await has(0)
      clock.advance(299)
      expect(inFlight()).toEqual([1, 0])
      clock.advance(1)
      expect(inFlight()).toEqual([1, 1])
      const { status, headers } = await answer
      expect([status, headers['x-immich-ml-backend']]).toEqual([200, 'b'])
      expect(stubs[1]?.received[0]).toMatchObject({ sha256: sha256(body), complete: true })
      await until(async () => (await stubs[0]?.connections()) === 0, 'the first is aborted')
      expect(await ends()).toEqual(['a superseded', 'b answered, a hedge'])
      expect(events[0]).toMatchObject({ backend: { name: 'b' }, outcome: { kind: 'answered' } })
      expect([inFlight(), clock.pending]).toEqual([[0, 0], 0])
      // It is no strike.
      expect(router.status().backends[0]?.health).toMatchObject({ failures: 0, tasks: {} })
    },
  )

  it('goes to another with real fetch and FormData', async () => {
    const { url, has, clock } = await pool([{ fault: 'hang' }, {}])
    const answer = fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    await has(0)
    clock.advance(300)
    const response = await answer
    expect([response.status, response.headers.get('x-immich-ml-backend')]).toEqual([200, 'b'])
    expect(Object.keys((await response.json()) as object)).toEqual(['clip'])
  })

  it('is answered by the first all the same when that is quicker in the end', async () => {
    const { a, b, answer, ends, inFlight } = await late()
    await a.answer(200, FROM_A)
    const { body, headers } = await answer
    expect([body.toString(), headers['x-immich-ml-backend']]).toEqual([FROM_A, 'a'])
    await until(() => b.seen.aborted === 1, 'the second is aborted')
    expect([await ends(), inFlight()]).toEqual([
      ['b superseded, a hedge', 'a answered'],
      [0, 0],
    ])
  })

  it('is sent again while its answer has only begun, and the first complete answer counts', async () => {
    const [a, b] = [await gate(), await gate()]
    const { url, clock, ends, inFlight } = await serve([{ url: a.url }, { url: b.url }])
    const answer = post(url, search)
    const res = await a.next()
    res.writeHead(200, { 'content-type': 'application/json' }).write(FROM_A.slice(0, 5))
    await until(
      () => clock.pending === 3,
      'the watch over the pauses of the answer, the hedge and the idle uploads are left',
    )
    clock.advance(300)
    await b.answer(200, FROM_B)
    expect((await answer).body.toString()).toBe(FROM_B)
    await until(() => a.seen.aborted === 1, 'the first is aborted')
    expect([await ends(), inFlight()]).toEqual([
      ['a superseded', 'b answered, a hedge'],
      [0, 0],
    ])
  })

  it('is not sent again once its answer, too large to keep, goes to the client', async () => {
    const [a, b] = [await gate(), await gate()]
    const { url, clock, ends } = await serve([{ url: a.url }, { url: b.url }], LATE, { answerMemory: 5 })
    const answer = post(url, search)
    const res = await a.next()
    res.writeHead(200, { 'content-type': 'application/json' }).write(GOOD_ANSWER.slice(0, 10))
    await until(() => clock.pending === 2, 'only the watches over the answer and idle uploads are left')
    clock.advance(10_000)
    res.end(GOOD_ANSWER.slice(10))
    expect((await answer).body.toString()).toBe(GOOD_ANSWER)
    expect([b.seen.requests, await ends()]).toEqual([0, ['a answered']])
  })

  it('is not sent again while it is still arriving', async () => {
    const { url, clock, started, inFlight, ends } = await pool([{}, {}])
    const req = http.request(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': CONTENT_TYPE, 'content-length': image.length },
    })
    const response = once(req, 'response')
    req.write(image.subarray(0, 200_000))
    await until(() => started()[0] === 1, 'the first backend has the beginning')
    clock.advance(300)
    expect(inFlight()).toEqual([1, 0])
    req.end(image.subarray(200_000))
    const [answer] = (await response) as [http.IncomingMessage]
    answer.resume()
    expect([answer.statusCode, await ends()]).toEqual([200, ['a answered']])
  })

  it('is not sent again where the other backend is full, and does not wait for it', async () => {
    const [a, b] = [await gate(), await gate()]
    const { url, clock, router, inFlight } = await serve(
      [{ url: a.url }, { url: b.url, maxConcurrent: 1 }],
      {},
      {
        routes: [
          { match: { type: 'visual' }, backends: ['b'] },
          { backends: ['a', 'b'], ...LATE },
        ],
      },
    )
    const other = post(url, image)
    await b.has()
    const answer = post(url, search)
    await a.has()
    clock.advance(300)
    expect([inFlight(), router.status().held]).toEqual([[1, 1], {}])
    await b.answer(200, GOOD_ANSWER)
    await other
    clock.advance(10_000)
    expect([b.seen.requests, inFlight()]).toEqual([1, [1, 0]])
    await a.answer(200, GOOD_ANSWER)
    expect((await answer).headers['x-immich-ml-backend']).toBe('a')
  })

  it('is not sent again when there was no room to keep it', async () => {
    const { url, clock, stubs, has, inFlight } = await pool([{ fault: 'hang' }, {}], LATE, {
      bodyMemory: 1,
      totalBodyMemory: '100kb',
      bodySpool: false,
    })
    const leaving = new AbortController()
    const answer = post(url, image, { signal: leaving.signal })
    await has(0)
    clock.advance(300)
    expect([inFlight(), stubs[1]?.started]).toEqual([[1, 0], 0])
    leaving.abort()
    await expect(answer).rejects.toThrow()
  })

  it('has so many further copies, each so much later and on a backend of its own', async () => {
    const { url, has, clock, stubs, started, ends, inFlight } = await pool([{}, {}, {}, {}], {
      hedge: { after: '300ms', max: 2 },
    })
    // Of forty requests, two may have a copy.
    for (let i = 0; i < 40; i++) await post(url, search)
    for (const i of [0, 1]) await stubs[i]?.setFault('hang')
    const answer = post(url, search)
    await has(0, 41)
    clock.advance(300)
    await has(1)
    clock.advance(299)
    expect(inFlight()).toEqual([1, 1, 0, 0])
    clock.advance(1)
    expect((await answer).headers['x-immich-ml-backend']).toBe('c')
    expect(await ends(40)).toEqual(['a superseded', 'b superseded, a hedge', 'c answered, a hedge'])
    expect([started(), inFlight(), clock.pending]).toEqual([[41, 1, 1, 0], [0, 0, 0, 0], 0])
  })

  it('is late by the percentile of its backend for such jobs, once that is known', async () => {
    const [a, b] = [await gate(), await gate()]
    const { url, clock } = await serve([{ url: a.url }, { url: b.url }], { hedge: { after: 'p90' } })
    for (let i = 1; i <= 20; i++) {
      const answer = post(url, search)
      await a.has(i)
      // Until there are twenty, nothing is late, however late.
      clock.advance(i === 20 ? 60_000 : i * 10)
      await a.answer(200, GOOD_ANSWER)
      expect((await answer).headers['x-immich-ml-backend']).toBe('a')
    }
    const answer = post(url, search)
    await a.has(21)
    clock.advance(179)
    expect(b.seen.requests).toBe(0)
    clock.advance(1)
    await b.answer(200, GOOD_ANSWER)
    expect((await answer).headers['x-immich-ml-backend']).toBe('b')
  })

  it('from a client that has had a heartbeat is answered behind it by the copy', async () => {
    const { b, answer, clock, ends } = await late([], {
      hedge: { after: '300ms' },
      heartbeat: { after: '400ms', every: '100ms' },
    })
    clock.advance(200)
    await b.answer(200, FROM_B)
    const { status, body } = await answer
    expect([status, body.toString()]).toEqual([200, `  ${FROM_B}`])
    expect([await ends(), clock.pending]).toEqual([['a superseded', 'b answered, a hedge'], 0])
  })
})

describe('a bad answer of one copy', () => {
  it('of the first does not count while the other is under way', async () => {
    const { a, b, answer, ends, inFlight } = await late()
    await a.answer(500, '{}')
    await until(() => inFlight()[0] === 0, 'its slot is free')
    await b.answer(200, FROM_B)
    expect((await answer).body.toString()).toBe(FROM_B)
    expect(await ends()).toEqual(['a passed-over', 'b answered, a hedge'])
  })

  it.each<[string, (b: Awaited<ReturnType<typeof gate>>) => Promise<void>, string]>([
    ['500', (b) => b.answer(500, '{}'), 'passed-over'],
    ['429', (b) => b.answer(429, '{}'), 'passed-over'],
    ['a refusal of the job', (b) => b.answer(422, '{"detail":"no"}'), 'passed-over'],
    ['a wrong success', (b) => b.answer(200, '{}'), 'passed-over'],
    [
      '400 that says that it lacks the task',
      (b) => b.answer(400, '{"detail":"Unknown task: clip"}'),
      'passed-over',
    ],
    ['a broken connection', (b) => b.reset(), 'reset'],
  ])('of the hedge does not count while the first is under way: %s', async (_, end, kind) => {
    const { a, b, answer, ends, inFlight } = await late()
    await end(b)
    await until(() => inFlight()[1] === 0, 'its slot is free')
    expect(inFlight()).toEqual([1, 0])
    await a.answer(200, FROM_A)
    expect((await answer).body.toString()).toBe(FROM_A)
    expect(await ends()).toEqual([`b ${kind}, a hedge`, 'a answered'])
  })

  it('does not count either where nothing is tried again', async () => {
    const { a, b, answer, ends, inFlight } = await late([], { ...LATE, retries: 0 })
    await b.answer(500, '{}')
    await until(() => inFlight()[1] === 0, 'its slot is free')
    await a.answer(500, '"from a"')
    const { status, body } = await answer
    expect([status, body.toString()]).toEqual([500, '"from a"'])
    expect(await ends()).toEqual(['b passed-over, a hedge', 'a answered'])
  })

  it.each([422, 500])('is the answer when the other backend says the same: %i', async (status) => {
    const third = await stubMl()
    const { a, b, answer, ends, inFlight, router } = await late([{ url: third.url }])
    await b.answer(status, '{"detail":"no"}')
    await until(() => inFlight()[1] === 0, 'its slot is free')
    await a.answer(status, '{"detail":"no"}')
    expect((await answer).status).toBe(status)
    expect(await ends()).toEqual(['b passed-over, a hedge', 'a answered'])
    expect([third.started, inFlight()]).toEqual([0, [0, 0, 0]])
    expect(router.status().backends.map(({ health }) => [health.failures, health.lacks])).toEqual([
      [0, {}],
      [0, {}],
      [0, {}],
    ])
  })

  it('of both: the next backend of the route gets it', async () => {
    const third = await stubMl()
    const { a, b, answer, ends, inFlight } = await late([{ url: third.url }])
    await a.answer(503, '{}')
    await until(() => inFlight()[0] === 0, 'the slot of the first is free')
    await b.answer(503, '{}')
    expect((await answer).headers['x-immich-ml-backend']).toBe('c')
    expect(await ends()).toEqual(['a passed-over', 'b passed-over, a hedge', 'c answered'])
    expect(inFlight()).toEqual([0, 0, 0])
  })

  it('of both, and no backend is left: the client gets the last answer of those that say as much', async () => {
    const { a, b, answer, inFlight } = await late()
    await a.answer(503, '{}')
    await until(() => inFlight()[0] === 0, 'the slot of the first is free')
    await b.answer(503, '"from b"')
    const { status, body, headers } = await answer
    expect([status, body.toString(), headers['x-immich-ml-backend']]).toEqual([503, '"from b"', 'b'])
  })

  it('of both, and no backend is left: an answer of an ML server tells more than a proxy or a reset', async () => {
    const { a, b, answer, inFlight } = await late()
    await a.answer(500, '"from a"')
    await until(() => inFlight()[0] === 0, 'the slot of the first is free')
    await b.answer(503, '{}')
    const { status, body, headers } = await answer
    expect([status, body.toString(), headers['x-immich-ml-backend']]).toEqual([500, '"from a"', 'a'])
  })

  it('of both, without any answer for the client: 502, and what became of each', async () => {
    const { a, b, answer, inFlight } = await late()
    await a.answer(200, '<p>', { 'content-type': 'text/html' })
    await until(() => inFlight()[0] === 0, 'the slot of the first is free')
    await b.reset()
    const { status, body } = await answer
    expect([status, JSON.parse(body.toString())]).toEqual([
      502,
      {
        code: 'backend-failed',
        detail:
          'No backend could answer: "a" answered 200 with a page instead of JSON: a login page or another web server answered; check backends.a.url, "b" failed (reset).',
      },
    ])
    expect(inFlight()).toEqual([0, 0])
  })

  it('of both by breaking the connection: it is not fed to a third', async () => {
    const third = await stubMl()
    const { a, b, answer, ends, inFlight } = await late([{ url: third.url }])
    await b.reset()
    await until(() => inFlight()[1] === 0, 'the slot of the second is free')
    await a.reset()
    expect((await answer).status).toBe(502)
    expect([third.started, await ends()]).toEqual([0, ['b reset, a hedge', 'a reset']])
  })

  it('of both on a route that holds: the request is held, and sent again after a second', async () => {
    const { a, b, answer, ends, clock, inFlight, router } = await late([], {
      name: 'all',
      ...LATE,
      hold: '1h',
    })
    await b.answer(503, '{}')
    await until(() => inFlight()[1] === 0, 'the slot of the second is free')
    await a.answer(503, '{}')
    await until(() => router.status().held['all'] === 1, 'it is held')
    clock.advance(999)
    expect([router.status().held['all'], a.seen.requests]).toEqual([1, 1])
    clock.advance(1)
    await a.answer(200, GOOD_ANSWER)
    expect((await answer).body.toString()).toBe(GOOD_ANSWER)
    expect(await ends()).toEqual(['b passed-over, a hedge', 'a passed-over', 'a answered'])
  })
})

describe('a request that is tried again', () => {
  it('has no copy on a backend that has had it before', async () => {
    const [a, b] = [await gate(), await gate()]
    const { url, clock, inFlight, ends } = await serve([{ url: a.url }, { url: b.url }], {
      ...LATE,
      hold: '1h',
    })
    const answer = post(url, search)
    await a.answer(503, '{}')
    await b.has()
    clock.advance(300)
    expect(inFlight()).toEqual([0, 1])
    await b.answer(200, GOOD_ANSWER)
    expect([(await answer).status, await ends()]).toEqual([200, ['a passed-over', 'b answered']])
  })

  it('has one on a backend that is left', async () => {
    const [a, b, c] = [await gate(), await gate(), await gate()]
    const { url, clock, ends } = await serve([{ url: a.url }, { url: b.url }, { url: c.url }])
    const answer = post(url, search)
    await a.answer(503, '{}')
    await b.has()
    clock.advance(300)
    await c.answer(200, GOOD_ANSWER)
    expect((await answer).headers['x-immich-ml-backend']).toBe('c')
    expect(await ends()).toEqual(['a passed-over', 'b superseded', 'c answered, a hedge'])
  })
})

describe('a request with two copies', () => {
  it('whose client leaves is aborted on both backends, and neither is blamed', async () => {
    const { a, b, answer, leaving, ends, inFlight, router, clock } = await late()
    leaving.abort()
    await expect(answer).rejects.toThrow()
    await until(() => a.seen.aborted + b.seen.aborted === 2, 'both are aborted')
    expect((await ends())?.toSorted()).toEqual(['a client-left', 'b client-left, a hedge'])
    expect([inFlight(), clock.pending]).toEqual([[0, 0], 0])
    expect(router.status().backends.map(({ health }) => health.failures)).toEqual([0, 0])
  })

  it('is cut off on both when the router closes', async () => {
    const { answer, ends, inFlight, router } = await late()
    await router.close({ timeout: 0 })
    expect((await answer).status).toBe(503)
    expect((await ends())?.toSorted()).toEqual(['a shutdown', 'b shutdown, a hedge'])
    expect(inFlight()).toEqual([0, 0])
  })

  it('is over on both at its total timeout', async () => {
    const { a, b, answer, clock, inFlight } = await late([], LATE, { timeouts: { total: '1s' } })
    clock.advance(700)
    expect((await answer).status).toBe(504)
    await until(() => a.seen.aborted + b.seen.aborted === 2, 'both are aborted')
    expect([inFlight(), clock.pending]).toEqual([[0, 0], 0])
  })
})

describe('the budget', () => {
  it('keeps further copies to 5 % of the requests, one after the other', async () => {
    const [a, b] = [await gate(), await stubMl()]
    const { url, clock, inFlight } = await serve([{ url: a.url }, { url: b.url }])
    for (let i = 1; i <= 200; i++) {
      const answer = post(url, search)
      await a.has(i)
      clock.advance(300)
      if (inFlight()[1] === 0) await a.answer(200, GOOD_ANSWER)
      expect((await answer).status).toBe(200)
      // What was aborted needs no answer.
      a.waiting.length = 0
      expect(b.started).toBeLessThanOrEqual(Math.ceil(i * 0.05))
    }
    expect(b.started).toBeGreaterThanOrEqual(6)
  })

  it('keeps further copies to 5 % of the requests, all at once', async () => {
    const [a, b] = [await gate(), await gate()]
    const { url, clock, inFlight } = await serve([{ url: a.url }, { url: b.url }])
    const answers = Array.from({ length: 200 }, () => post(url, search))
    await a.has(200)
    clock.advance(300)
    expect(inFlight()).toEqual([200, 10])
    for (let i = 0; i < 200; i++) await a.answer(200, GOOD_ANSWER)
    for (const answer of answers) expect((await answer).headers['x-immich-ml-backend']).toBe('a')
    expect(inFlight()).toEqual([0, 0])
  })
})
