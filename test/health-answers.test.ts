import http from 'node:http'
import { FakeClock, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { answers, search, serve, server } from './support/health-servers.ts'
import { listen, stubMl } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

const ocr = immichBody('ocr', imageBytes(1_000))

/** Such jobs, as the health of a backend names them when it refuses them with their options. */
const OCR_JOB = 'ocr/detection+ocr/recognition (with these options)'

const ONE_FAILURE = { failures: 1, lacks: {} }

describe('a backend that has only some tasks', () => {
  it('gets no other, when it is configured so', async () => {
    const [clip, all] = [await stubMl(), await stubMl()]
    const { backendFor, url } = await serve({
      backends: { clip: { url: clip.url, tasks: ['clip'] }, all: { url: all.url } },
      routes: [
        { match: { model: 'nowhere' }, backends: ['clip'], hold: '1h' },
        { backends: ['clip', 'all'] },
      ],
    })
    expect([await backendFor(search), await backendFor(ocr)]).toEqual(['clip', 'all'])
    // The task of an unclassified request is not known, so it goes to no backend with tasks.
    expect((await post(url, Buffer.from('?'))).status).toBe(400)
    expect([clip.started, all.started]).toEqual([1, 2])
    const lost = Buffer.from(ocr.toString('latin1').replaceAll('PP-OCRv5_mobile', 'nowhere'), 'latin1')
    const { status, body } = await post(url, lost)
    expect([status, JSON.parse(body.toString()).detail]).toEqual([
      503,
      'No backend of route "*/*/nowhere" is available: none of its backends serves ocr.',
    ])
  })

  it.each<[string, http.RequestListener]>([
    ['501', answers(501, '{"detail":"Not Implemented"}')],
    ['400', answers(400, '{"detail":"Unknown task: ocr"}')],
    ['422', answers(422, `{"detail":"Task 'ocr' is not supported by this server"}`)],
    ['404', answers(404, '{"error":"unsupported model task"}')],
  ])('says so with a %s, and is not asked again for a while, without a strike', async (_, refuse) => {
    const clock = new FakeClock()
    const [hailo, gpu] = [await server(refuse), await stubMl()]
    const { backendFor, router, requests } = await serve({
      clock,
      backends: { hailo: { url: hailo.url }, gpu: { url: gpu.url } },
    })
    for (let i = 0; i < 5; i++) expect(await backendFor(ocr)).toBe('gpu')
    expect(hailo.count.predict).toBe(1)
    expect(requests[0]?.attempts.map(({ outcome }) => outcome.kind)).toEqual(['passed-over', 'answered'])
    expect(router.status().backends[0]?.health).toMatchObject({
      tasks: {},
      lacks: { 'ocr/detection': 600_000 },
    })
    clock.advance(600_000)
    expect(await backendFor(ocr)).toBe('gpu')
    expect(hailo.count.predict).toBe(2)
    expect(gpu.received.at(-1)?.sha256).toBe(sha256(ocr))
  })

  it.each<[string, number, string, object, http.OutgoingHttpHeaders?]>([
    [
      'a refusal that says something else',
      422,
      '{"detail":"Invalid request format."}',
      // This very job.
      { failures: 0, lacks: { [OCR_JOB]: expect.any(Number) } },
    ],
    ['an error that is no JSON', 400, `unknown task ${'x'.repeat(20_000)}`, ONE_FAILURE],
    [
      'an error of unknown length that is no JSON',
      400,
      `unknown task ${'x'.repeat(20_000)}`,
      ONE_FAILURE,
      { 'transfer-encoding': 'chunked' },
    ],
    ['an error as text', 404, 'unsupported model task', ONE_FAILURE, { 'content-type': 'text/plain' }],
    ['an empty error', 404, '', ONE_FAILURE],
  ])(
    'is not what %s means: another backend is asked, and without another the client gets it as it is',
    async (_, status, text, health, headers = {}) => {
      const [odd, good] = [await server(answers(status, text, headers)), await stubMl()]
      const { backendFor, router } = await serve({
        backends: { odd: { url: odd.url }, good: { url: good.url } },
      })
      expect(await backendFor(ocr)).toBe('good')
      const seen = router.status().backends[0]?.health
      expect({ failures: seen?.failures, lacks: seen?.lacks }).toEqual(health)
      const alone = await serve({ backends: { odd: { url: odd.url } } })
      const answer = await post(alone.url, ocr)
      expect([answer.status, answer.body.toString()]).toEqual([status, text])
    },
  )

  it('gives its own answer when there is no other', async () => {
    const hailo = await server(answers(400, '{"detail":"Unknown task: ocr"}'))
    const { url, router } = await serve({ backends: { hailo: { url: hailo.url } } })
    for (let i = 0; i < 2; i++) {
      const { status, body } = await post(url, ocr)
      expect([status, body.toString()]).toEqual([400, '{"detail":"Unknown task: ocr"}'])
    }
    expect(router.status().backends[0]?.health.lacks).toHaveProperty('ocr/detection')
  })
})

describe('a backend that is busy', () => {
  it('is left alone for as long as its Retry-After says, without a strike', async () => {
    const clock = new FakeClock()
    const [busy, other] = [await server(answers(429, '{}', { 'retry-after': '30' })), await stubMl()]
    const { backendFor, router } = await serve({
      clock,
      backends: { busy: { url: busy.url }, other: { url: other.url } },
      health: false,
    })
    expect(await backendFor(search)).toBe('other')
    clock.advance(29_999)
    expect(await backendFor(search)).toBe('other')
    expect([busy.count.predict, router.status().backends[0]?.health]).toMatchObject([
      1,
      { reachable: { kind: 'closed', failures: 0 }, tasks: {}, busyUntil: 30_000 },
    ])
    clock.advance(1)
    await backendFor(search)
    expect(busy.count.predict).toBe(2)
  })
})

describe('answers', () => {
  it('says which statuses mean that the backend has no time, and no fault', async () => {
    const [odd, good] = [await server(answers(529)), await stubMl()]
    const { backendFor, router } = await serve({
      clock: new FakeClock(),
      backends: { odd: { url: odd.url }, good: { url: good.url } },
      answers: { busy: [529] },
    })
    for (let i = 0; i < 5; i++) expect(await backendFor(search)).toBe('good')
    const { reachable, busyUntil, tasks } = router.status().backends[0]?.health ?? {}
    expect([reachable, tasks, busyUntil]).toEqual([{ kind: 'closed', failures: 0 }, {}, expect.any(Number)])
    expect(busyUntil).toBeGreaterThan(0)
  })
})

describe('a stale connection', () => {
  /** A backend that closes a connection in place of answering its second request. */
  async function forgetful(then: 'answers' | 'closes') {
    let connections = 0
    const bodies: Buffer[] = []
    const backend = http.createServer()
    backend.on('connection', () => connections++)
    let requests = 0
    backend.on('request', (req, res) => {
      requests++
      const chunks: Buffer[] = []
      if (requests === 2 || (requests > 2 && then === 'closes')) {
        req.socket.destroy()
        return
      }
      req
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          bodies.push(Buffer.concat(chunks))
          res.end(GOOD_ANSWER)
        })
    })
    const { url } = await listen(backend)
    return { url, bodies, connections: () => connections, requests: () => requests }
  }

  it('costs nothing: the request goes to the same backend once more', async () => {
    const backend = await forgetful('answers')
    const { url, requests, router } = await serve({ backends: { only: { url: backend.url } }, health: false })
    for (let i = 0; i < 2; i++) expect((await post(url, ocr)).status).toBe(200)
    expect(requests[1]?.attempts.map(({ backend, outcome }) => [backend, outcome.kind])).toEqual([
      ['only', 'failed'],
      ['only', 'answered'],
    ])
    expect(requests[1]?.attempts[0]?.outcome).toMatchObject({ cause: 'stale' })
    expect([backend.connections(), backend.bodies.map(sha256)]).toEqual([2, [sha256(ocr), sha256(ocr)]])
    expect(router.status().backends[0]).toMatchObject({ inFlight: 0, health: { tasks: {} } })
  })

  it('is retried once, and then it is a failure', async () => {
    const backend = await forgetful('closes')
    const { url, requests } = await serve({ backends: { only: { url: backend.url } }, health: false })
    expect((await post(url, ocr)).status).toBe(200)
    expect((await post(url, ocr)).status).toBe(502)
    expect(requests[1]?.attempts.map(({ outcome }) => 'cause' in outcome && outcome.cause)).toEqual([
      'stale',
      'reset',
    ])
  })
})
