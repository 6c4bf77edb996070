import { GOOD_ANSWER } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { FROM_A, FROM_B, gate, LATE, late, search, serve } from './support/hedge-pool.ts'
import { stubMl, until } from './support/servers.ts'

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
