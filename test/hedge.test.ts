import { once } from 'node:events'
import http from 'node:http'
import type { Route, RouterOptions } from '@immich-ml-router/core'
import {
  CONTENT_TYPE,
  GOOD_ANSWER,
  imageBytes,
  immichBody,
  immichForm,
  type StubMlServerOptions,
} from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { FROM_A, FROM_B, gate, LATE, late, search, serve } from './support/hedge-pool.ts'
import { stubMl, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

/** The same over stand-ins. */
async function pool(
  servers: readonly StubMlServerOptions[],
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
