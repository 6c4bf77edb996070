import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import type { RouterOptions } from '@immich-ml-router/core'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { post } from './support/client.ts'
import { FakeClock } from './support/fake-clock.ts'
import { GOOD_ANSWER, imageBytes, immichBody, sha256 } from './support/predict-body.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

/** A router, the changes of its backends, and its requests. */
async function serve(options: RouterOptions) {
  const { router, url, requests, changes } = await serveRouter({ heartbeat: false, ...options })
  const backendFor = async (body: Buffer) => (await post(url, body)).headers['x-immich-ml-backend']
  const probe = (i = 0) => router.status().backends[i]?.health.probe
  return { router, url, changes, requests, backendFor, probe }
}

/** A server that answers predict requests and probes as it is told, and counts both. */
async function server(
  predict: http.RequestListener,
  ping: http.RequestListener = (_, res) => res.end('pong'),
) {
  const count = { predict: 0, ping: 0 }
  const { url } = await listen((req, res) => {
    const answer = req.url?.endsWith('/predict') === true ? predict : ping
    count[answer === predict ? 'predict' : 'ping']++
    req.resume().on('end', () => answer(req, res))
  })
  return { url, count }
}
const answers = (
  status: number,
  body = '{}',
  headers: http.OutgoingHttpHeaders = {},
): http.RequestListener => {
  return (_, res) => res.writeHead(status, headers).end(body)
}

const search = immichBody('textSearch', 'cat')
const ocr = immichBody('ocr', imageBytes(1_000))
/** Such jobs, as the health of a backend names them when it refuses them with their options. */
const OCR_JOB = 'ocr/detection+ocr/recognition (with these options)'
const ONE_FAILURE = { failures: 1, lacks: {} }

/** A backend whose machine falls asleep with a request: connections stay open, and nothing comes of them. */
async function sleepingMachine(falls: 'asleep' | 'silent') {
  let got = 0
  let pings = 0
  const away = { now: false }
  const { url, server } = await listen((req, res) => {
    const isPing = req.url?.endsWith('/predict') !== true
    if (isPing) pings++
    else got++
    if (isPing && !away.now) res.end('pong')
  })
  const sleep = () => {
    away.now = true
    if (falls === 'asleep') server.close()
  }
  return { url, sleep, got: () => got, pings: () => pings }
}

/** The machine falls asleep, and three probes find that out. */
async function fallAsleep(
  gpu: Awaited<ReturnType<typeof sleepingMachine>>,
  falls: 'asleep' | 'silent',
  clock: FakeClock,
  probe: Awaited<ReturnType<typeof serve>>['probe'],
): Promise<void> {
  gpu.sleep()
  for (let failures = 1; failures <= 3; failures++) {
    const pings = gpu.pings()
    clock.advance(failures === 1 ? 10_000 : 1_000)
    if (falls === 'silent') {
      await until(() => gpu.pings() > pings, 'it is asked')
      clock.advance(2_000)
    }
    const failed = () => probe()?.kind === 'down' || Reflect.get(probe() ?? {}, 'failures') === failures
    await until(failed, `${failures} probes have failed`)
  }
}

describe('a machine that falls asleep with a request', () => {
  beforeEach(() => {
    // Probes come when they should, to the millisecond.
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
  })
  afterEach(() => void vi.restoreAllMocks())

  async function searchOn(falls: 'asleep' | 'silent', nas: boolean, route = {}) {
    const clock = new FakeClock()
    const gpu = await sleepingMachine(falls)
    const other = await stubMl()
    const { url, requests, probe, router } = await serve({
      clock,
      backends: { gpu: { url: gpu.url }, ...(nas ? { nas: { url: other.url } } : {}) },
      routes: [{ name: 'all', backends: nas ? ['gpu', 'nas'] : ['gpu'], strategy: 'first', ...route }],
    })
    await until(() => probe()?.kind === 'up', 'a probe has passed')
    const answer = post(url, search)
    await until(() => gpu.got() === 1, 'the request is there')
    await fallAsleep(gpu, falls, clock, probe)
    return { answer, clock, requests, gpu, held: () => router.status().held['all'] }
  }

  it('gives it to another, as soon as the probes say so', async () => {
    const { answer, requests } = await searchOn('asleep', true)
    expect((await answer).headers['x-immich-ml-backend']).toBe('nas')
    expect(requests[0]?.attempts.map(({ outcome }) => outcome)).toMatchObject([
      { kind: 'failed', cause: 'gone' },
      { kind: 'answered', status: 200 },
    ])
  })

  it('keeps it as long as its machine takes connections: it may just have much to do', async () => {
    const { answer, clock, requests, gpu } = await searchOn('silent', true)
    for (let i = 0; i < 3; i++) {
      const pings = gpu.pings()
      clock.advance(10_000)
      await until(() => gpu.pings() > pings, 'it is asked')
      clock.advance(2_000)
    }
    expect(await Promise.race([answer, setImmediate('nothing')])).toBe('nothing')
    clock.advance(600_000)
    await answer
    expect(requests[0]?.attempts[0]?.outcome).toMatchObject({ kind: 'failed', cause: 'response-timeout' })
  })

  it('keeps it where there is nowhere else to go', async () => {
    const { answer, clock } = await searchOn('asleep', false)
    clock.advance(60_000)
    expect(await Promise.race([answer, setImmediate('nothing')])).toBe('nothing')
    clock.advance(600_000)
    expect((await answer).status).toBe(504)
  })

  it('keeps nobody waiting for its slot, though what it was working on stays', async () => {
    const clock = new FakeClock()
    const gpu = await sleepingMachine('asleep')
    const { url, probe, router } = await serve({
      clock,
      backends: { gpu: { url: gpu.url, maxConcurrent: 1 } },
    })
    await until(() => probe()?.kind === 'up', 'a probe has passed')
    const first = post(url, search)
    await until(() => gpu.got() === 1, 'the first is there')
    const second = post(url, search)
    await until(() => router.status().active === 2, 'the second waits')
    await fallAsleep(gpu, 'asleep', clock, probe)
    const { status, body } = await second
    expect([status, JSON.parse(body.toString()).code]).toEqual([503, 'no-backend-available'])
    expect(gpu.got()).toBe(1)
    clock.advance(600_000)
    expect((await first).status).toBe(504)
  })

  it('lets it wait where the route holds', async () => {
    const { answer, clock, requests, held } = await searchOn('asleep', false, {
      hold: '1h',
    })
    await until(() => held() === 1, 'it waits')
    clock.advance(3_600_000)
    expect((await answer).status).toBe(503)
    expect(requests[0]?.attempts[0]?.outcome).toMatchObject({ kind: 'failed', cause: 'gone' })
  })
})

describe('probes', () => {
  it('find out at once, quickly check again, and keep requests away from what is down', async () => {
    const clock = new FakeClock()
    const [gpu, nas] = [await stubMl({ fault: 'refuse' }), await stubMl()]
    const { backendFor, requests, changes, probe } = await serve({
      clock,
      backends: { gpu: { url: gpu.url }, nas: { url: nas.url } },
    })
    const failures = () => Reflect.get(probe() ?? {}, 'failures')
    await until(() => failures() === 1 && probe(1)?.kind === 'up', 'the first probes are over')
    clock.advance(1_000)
    await until(() => failures() === 2, 'the second probe is over')
    clock.advance(1_000)
    await until(() => probe()?.kind === 'down', 'the third probe is over')
    expect(changes.filter(({ backend }) => backend === 'gpu')).toMatchObject([
      { kind: 'probe', from: { kind: 'unknown' }, to: { kind: 'down' } },
    ])
    expect(await backendFor(search)).toBe('nas')
    expect(requests[0]?.attempts).toHaveLength(1)
    expect(changes.map(({ kind, backend }) => [kind, backend])).toContainEqual(['probe', 'gpu'])
    await gpu.setFault(undefined)
    clock.advance(8_000)
    expect(probe()?.kind).toBe('down')
    clock.advance(3_000)
    await until(() => Reflect.get(probe() ?? {}, 'successes') === 1, 'one probe has passed')
    expect(probe()?.kind).toBe('down')
    clock.advance(1_000)
    await until(() => probe()?.kind === 'up', 'two probes have passed')
    expect(await backendFor(search)).toBe('gpu')
  })

  it('go to the path that is configured, with the credentials of the backend, and to no other', async () => {
    const seen: [unknown, unknown][] = []
    const { url } = await listen((req, res) => {
      seen.push([req.url, req.headers.authorization])
      res.end()
    })
    const at = url.replace('http://', 'http://user:secret@')
    await serve({
      backends: { a: { url: `${at}/ml/`, health: { path: '/healthz' } }, b: { url, health: false } },
    })
    await until(() => seen.length > 0, 'a probe has come')
    expect(seen).toEqual([['/ml/healthz', `Basic ${Buffer.from('user:secret').toString('base64')}`]])
  })

  it.each<[string, http.RequestListener, string]>([
    ['another status', answers(503), 'answered 503 Service Unavailable'],
    ['no answer in time', () => {}, 'timeout'],
    ['a broken connection', (req) => req.socket.destroy(), 'UND_ERR_SOCKET'],
  ])('take %s for a failure, and one that hangs delays no other', async (_, ping, reason) => {
    const clock = new FakeClock()
    const [sick, good] = [await server(answers(200), ping), await stubMl()]
    const { probe } = await serve({
      clock,
      backends: { sick: { url: sick.url }, good: { url: good.url } },
    })
    await until(() => probe(1)?.kind === 'up', 'the good one is up')
    for (let i = 1; i <= 3; i++) {
      await until(() => sick.count.ping === i, 'it is asked')
      if (reason === 'timeout') clock.advance(2_000)
      const failed = () => probe()?.kind === 'down' || Reflect.get(probe() ?? {}, 'failures') === i
      await until(failed, 'it has failed')
      clock.advance(1_000)
    }
    await until(() => probe()?.kind === 'down', 'it is down')
    expect(probe()).toMatchObject({ reason })
  })

  it('end with the router, and leave no timer and no connection', async () => {
    const clock = new FakeClock()
    const silent = net.createServer()
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => void silent.close())
    const { router } = await serve({
      clock,
      backends: { a: { url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` } },
    })
    const [socket] = (await once(silent, 'connection')) as [net.Socket]
    const closed = once(socket, 'close')
    socket.resume().on('error', () => {})
    await router.close()
    await closed
    expect(clock.pending).toBe(0)
  })
})

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
