import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import type http from 'node:http'
import type { RequestEvent } from '@immich-ml-router/core'
import {
  FakeClock,
  type Fault,
  GOOD_ANSWER,
  imageBytes,
  immichBody,
  immichForm,
} from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { image, pool, started } from './support/failover-pool.ts'
import { listen, stubMl } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'
import { temporaryDirectory } from './support/temporary-file.ts'

/** Such jobs, as the health of a backend names them when it refuses them with their options. */
const VISUAL = 'clip/visual (with these options)'

/** A server with one answer to every request, and how many it has got. */
async function answering(status: number, body = '{}', headers: http.OutgoingHttpHeaders = {}) {
  const count = { requests: 0 }
  const { url } = await listen((req, res) => {
    count.requests++
    req.resume().on('end', () => res.writeHead(status, headers).end(body))
  })
  return { url, count }
}

describe('a backend that fails', () => {
  it.each<[Fault, RequestEvent['attempts'][number]['outcome']['kind']]>([
    ['refuse', 'failed'],
    ['reset', 'failed'],
    ['error', 'passed-over'],
  ])('%s: the next one gets the whole request', async (fault, kind) => {
    const { stubs, url, events, inFlight } = await pool([{ fault }, {}])
    for (const [framing, body] of [
      ['content-length', image],
      ['chunked', image],
      ['content-length', immichBody('textSearch', 'cat')],
    ] as const) {
      const answer = await post(url, body, { framing })
      expect([answer.status, answer.headers['x-immich-ml-backend']]).toEqual([200, 'b'])
      expect(stubs['b']?.received.at(-1)).toMatchObject({
        sha256: sha256(body),
        size: body.length,
        complete: true,
      })
      expect(events.at(-1)?.attempts.map(({ backend, outcome }) => [backend, outcome.kind])).toEqual([
        ['a', kind],
        ['b', 'answered'],
      ])
    }
    expect(inFlight()).toEqual([0, 0])
  })

  it('in the middle of a byte-by-byte upload: the next one still gets all of it', async () => {
    const { stubs, url } = await pool([{ fault: 'reset' }, {}])
    const answer = await post(url, image, { framing: 'chunked', pieces: 'bytes' })
    expect([answer.status, stubs['b']?.received[0]?.sha256]).toEqual([200, sha256(image)])
  })

  it('with real fetch and FormData, a search is answered by the one that is left', async () => {
    const { url } = await pool([{ fault: 'refuse' }, { fault: 'error' }, {}])
    const response = await fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    expect([response.status, response.headers.get('x-immich-ml-backend')]).toEqual([200, 'c'])
    expect(Object.keys((await response.json()) as object)).toEqual(['clip'])
  })

  it.each([200, 204, 302, 400, 401, 403, 404, 409, 413, 415, 421, 422, 429, 500, 501, 502, 503, 504, 530])(
    'with %i and no answer of an ML server: the next one gets the request',
    async (status) => {
      const bad = await answering(status)
      const good = await stubMl()
      const { url } = await pool([], { backends: { bad: { url: bad.url }, good: { url: good.url } } })
      const answer = await post(url, image)
      expect([answer.status, answer.headers['x-immich-ml-backend']]).toEqual([200, 'good'])
      expect(bad.count.requests).toBe(1)
    },
  )

  it.each([400, 413, 415, 422, 500])(
    "with an ML server's own %i: another gives a second opinion, and where it agrees, the client gets the answer",
    async (status) => {
      const [first, second] = [
        await answering(status, '{"detail":"no"}'),
        await answering(status, '{"detail":"no, too"}'),
      ]
      const { url: third, count } = await answering(200, GOOD_ANSWER)
      const { url, router, events } = await pool([], {
        backends: { a: { url: first.url }, b: { url: second.url }, c: { url: third } },
      })
      const answer = await post(url, image)
      expect([answer.status, answer.body.toString()]).toEqual([status, '{"detail":"no, too"}'])
      expect([first.count.requests, second.count.requests, count.requests]).toEqual([1, 1, 0])
      expect(events[0]).toMatchObject({ status, backend: { name: 'b' }, outcome: { kind: 'answered' } })
      for (const { health } of router.status().backends)
        expect(health).toMatchObject({ failures: 0, reachable: { kind: 'closed' }, tasks: {}, lacks: {} })
    },
  )

  it.each<[number, object]>([
    [422, { failures: 0, tasks: {}, lacks: { [VISUAL]: expect.any(Number) } }],
    [500, { failures: 1, tasks: { 'clip/visual': { kind: 'closed', failures: 1 } }, lacks: {} }],
  ])(
    "with an ML server's own %i: where the second opinion is a good answer, the first is to blame",
    async (status, health) => {
      const [first, second] = [await answering(status, '{"detail":"no"}'), await stubMl()]
      const { url, router } = await pool([], {
        backends: { a: { url: first.url }, b: { url: second.url } },
      })
      expect((await post(url, image)).headers['x-immich-ml-backend']).toBe('b')
      expect(router.status().backends[0]?.health).toMatchObject(health)
    },
  )
})

describe('when to stop', () => {
  it('the last backend of a route gives its answer as it is', async () => {
    const { url, stubs } = await pool([{ fault: 'refuse' }, { fault: 'error' }])
    const answer = await post(url, image)
    expect([answer.status, answer.body.toString()]).toEqual([500, 'Internal Server Error'])
    expect(started(stubs)).toEqual([0, 1])
  })

  it('an answer of an ML server tells more than a connection that failed after it', async () => {
    const { url } = await pool([{ fault: 'error' }, { fault: 'refuse' }])
    const answer = await post(url, image)
    expect([answer.status, answer.body.toString(), answer.headers['x-immich-ml-backend']]).toEqual([
      500,
      'Internal Server Error',
      'a',
    ])
  })

  it.each<[string, number, http.OutgoingHttpHeaders, string]>([
    ['a redirect', 302, { location: 'https://login.example/' }, 'answered 302 to https://login.example'],
    ['a wrong success', 200, { 'content-type': 'text/html' }, 'answered 200 with a page instead of JSON'],
  ])('%s never reaches the client: it gets 502', async (_, status, headers, reason) => {
    const bad = await answering(status, '<p>', headers)
    const { url } = await pool([], { backends: { bad: { url: bad.url } } })
    const answer = await post(url, image)
    expect([answer.status, answer.headers.location]).toEqual([502, undefined])
    expect(JSON.parse(answer.body.toString())).toEqual({
      code: 'backend-failed',
      detail: expect.stringContaining(`"bad" ${reason}`),
    })
  })

  it('every attempt failed: 502, and what became of each', async () => {
    const { url } = await pool([{ fault: 'reset' }, { fault: 'refuse' }])
    const answer = await post(url, image)
    expect(answer.status).toBe(502)
    expect(JSON.parse(answer.body.toString())).toEqual({
      code: 'backend-failed',
      detail: 'No backend could answer: "a" failed (reset), "b" failed (connect).',
    })
  })

  it('a request that has killed two backends in a row is not fed to a third', async () => {
    const { url, stubs } = await pool([{ fault: 'reset' }, { fault: 'reset' }, {}])
    expect((await post(url, image)).status).toBe(502)
    expect(started(stubs)).toEqual([1, 1, 0])
  })

  it('four backends at most, or as many as the route says', async () => {
    const five = await Promise.all(Array.from({ length: 5 }, () => answering(503)))
    const requests = () => five.map(({ count }) => count.requests)
    const backends = Object.fromEntries(five.map(({ url }, i) => ['abcdef'[i] ?? '', { url }]))
    const { url } = await pool([], { backends })
    expect((await post(url, image)).status).toBe(503)
    expect(requests()).toEqual([1, 1, 1, 1, 0])
    const none = await pool([], { backends, retries: 0 })
    expect((await post(none.url, image)).status).toBe(503)
    expect(requests()).toEqual([2, 1, 1, 1, 0])
    const one = await pool([], { backends, routes: [{ backends: ['a', 'b', 'c'], retries: 1 }] })
    expect((await post(one.url, image)).status).toBe(503)
    expect(requests()).toEqual([3, 2, 1, 1, 0])
  })

  it('nothing is tried again once the client has had a byte of an answer that is too large to keep', async () => {
    const { url, stubs } = await pool([{ fault: 'half-response' }, {}], { answerMemory: 1_000 })
    await expect(post(url, image)).rejects.toThrow()
    expect(started(stubs)).toEqual([1, 0])
  })

  it('an answer that finds no room is judged by its first piece, and streamed', async () => {
    const { url, router } = await pool([{}, {}], { answerMemory: 1 })
    const answer = await post(url, image)
    expect([answer.status, answer.headers['x-immich-ml-backend']]).toEqual([200, 'a'])
    expect(Object.keys(JSON.parse(answer.body.toString()))).toContain('clip')
    expect(router.status().backends[0]?.health.failures).toBe(0)
  })

  it('an answer that breaks off while it is kept is tried again', async () => {
    const { url, stubs, events } = await pool([{ fault: 'half-response' }, {}])
    expect((await post(url, image)).headers['x-immich-ml-backend']).toBe('b')
    expect(started(stubs)).toEqual([1, 1])
    expect(events[0]?.attempts[0]?.outcome).toMatchObject({ cause: 'reset', reachedClient: false })
  })

  it('no backend that the route does not name is tried', async () => {
    const { url, stubs } = await pool([{ fault: 'refuse' }, {}, { fault: 'refuse' }], {
      routes: [{ backends: ['a', 'c'] }],
    })
    expect((await post(url, image)).status).toBe(502)
    expect(started(stubs)).toEqual([0, 0, 0])
  })

  it('a storm of refusals is not made worse: once both refuse, a fifth of the traffic is tried again, or three requests', async () => {
    const requests = [0, 0]
    const busy = (i: 0 | 1) =>
      listen((req, res) => {
        requests[i] = (requests[i] ?? 0) + 1
        req.resume().on('end', () => res.writeHead(429).end('{}'))
      })
    const [a, b] = [await busy(0), await busy(1)]
    const { url } = await pool([], {
      backends: { a: { url: a.url }, b: { url: b.url } },
      clock: new FakeClock(),
    })
    for (let i = 0; i < 30; i++) expect((await post(url, immichBody('textSearch', 'x'))).status).toBe(429)
    // One before the first refusal of the second backend, and six of thirty.
    expect(requests).toEqual([30, 7])
  })

  it.each([
    ['content-length', 'whole'],
    ['chunked', 'bytes'],
  ] as const)('a body that is too large for memory is kept on disk: %s, %s', async (framing, pieces) => {
    const { url, stubs, events } = await pool([{ fault: 'error' }, { fault: 'reset' }, {}])
    const large = immichBody('indexing', imageBytes(31_000_000))
    expect((await post(url, large, { framing, pieces })).status).toBe(200)
    expect(started(stubs)).toEqual([1, 1, 1])
    expect(stubs['c']?.received[0]).toMatchObject({ sha256: sha256(large), complete: true })
    expect(events[0]?.retained).toBe(true)
  })

  it.each(['turned off', 'broken'])(
    'with a bodySpool that is %s a body larger than all memory is forwarded once, and the event says so',
    async (what) => {
      const directory = await temporaryDirectory()
      const bodySpool = what === 'broken' ? directory : false
      const { url, stubs, events } = await pool([{ fault: 'error' }, {}], {
        bodySpool,
        bodyMemory: '64kb',
        totalBodyMemory: '2mb',
      })
      await rm(directory, { recursive: true })
      const warned = what === 'broken' ? once(process, 'warning') : undefined
      const large = immichBody('indexing', imageBytes(3_000_000))
      expect((await post(url, large)).status).toBe(500)
      expect(started(stubs)).toEqual([1, 0])
      expect(stubs['a']?.received[0]).toMatchObject({ sha256: sha256(large), complete: true })
      expect(events[0]?.retained).toBe(false)
      await stubs['a']?.setFault('refuse')
      expect((await post(url, image)).status).toBe(200)
      expect(events[1]?.retained).toBe(true)
      if (warned !== undefined) expect(String((await warned)[0])).toContain('(bodySpool): ENOENT')
    },
  )
})
