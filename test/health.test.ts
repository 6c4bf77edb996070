import { once } from 'node:events'
import type http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { FakeClock } from '@immich-ml-router/core/testing'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { post } from './support/client.ts'
import { answers, search, serve, server } from './support/health-servers.ts'
import { listen, stubMl, until } from './support/servers.ts'

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
