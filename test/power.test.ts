import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BackendOptions, RouterOptions } from '@immich-ml-router/core'
import { managePower, type PowerOptions } from '@immich-ml-router/core/power'
import { FakeClock, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { post } from './support/client.ts'
import { search } from './support/health-servers.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { temporaryDirectory } from './support/temporary-file.ts'

const MINUTE = 60_000
const image = immichBody('indexing', imageBytes(1_000))

/** A backend whose machine is switched by hooks, and a second one. */
async function machine(
  options: (hook: string) => Partial<BackendOptions>,
  power: PowerOptions = {},
  policy: Partial<RouterOptions> = {},
) {
  const clock = new FakeClock()
  const calls: string[] = []
  const state = { status: 200, hang: false, down: false, jobs: 0, pings: 0 }
  const gpu = await listen((req, res) => {
    if (req.url === '/ping') {
      state.pings++
      return state.down ? res.writeHead(404).end() : res.end('pong')
    }
    if (state.down) return res.writeHead(404).end()
    state.jobs++
    if (!state.hang) res.writeHead(200, { 'content-type': 'application/json' }).end(GOOD_ANSWER)
    return res
  })
  const hook = await listen((req, res) => {
    calls.push(`${req.method} ${req.url}`)
    res.writeHead(state.status).end()
  })
  const nas = await stubMl()
  const server = await serveRouter({
    clock,
    backends: {
      gpu: { url: gpu.url, health: { mode: 'lazy', timeout: '10m' }, ...options(hook.url) },
      nas: { url: nas.url, health: false },
    },
    routes: [{ backends: ['gpu', 'nas'], strategy: 'first' }],
    transport: 'direct',
    ...policy,
  })
  managePower(server.router, { clock, ...power })
  const told = (kind: string) => server.changes.filter((change) => change.kind === kind)
  /** Moves the clock in steps of the manager's interval, in each of which a hook can answer. */
  const advance = async (time: number) => {
    for (let i = 0; i < time; i += 5_000) {
      clock.advance(5_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const job = async () => (await post(server.url, search)).headers['x-immich-ml-backend']
  return { ...server, clock, calls, state, told, advance, job }
}

const suspend = (hook: string) => ({ suspend: { afterIdle: '20m', url: `${hook}/suspend` } })

describe('a machine with suspend', () => {
  it('is suspended once, after its idle time', async () => {
    const { calls, advance, job, told } = await machine(suspend)
    await advance(15 * MINUTE)
    expect(await job()).toBe('gpu')
    await advance(15 * MINUTE)
    expect(calls).toEqual([])
    await advance(6 * MINUTE)
    await until(() => told('suspended').length === 1, 'it is suspended')
    expect(told('suspended')[0]).toMatchObject({ backend: 'gpu', error: undefined })
    await advance(60 * MINUTE)
    expect(calls).toEqual(['POST /suspend'])
  })

  it('is not suspended with a request in flight, nor while it is expected to be needed', async () => {
    let expected = false
    const { calls, advance, job, state } = await machine(suspend, { isExpected: () => expected })
    state.hang = true
    void job().catch(() => {})
    await until(() => state.jobs === 1, 'the job is there')
    await advance(9 * MINUTE)
    expected = true
    await advance(60 * MINUTE)
    expect(calls).toEqual([])
  })

  it('is tried again after the same time when the call fails', async () => {
    const { calls, advance, told, state } = await machine(suspend)
    state.status = 500
    await advance(21 * MINUTE)
    await until(() => told('suspended').length === 1, 'it has failed')
    expect(told('suspended')[0]).toMatchObject({
      error: { message: expect.stringContaining('answered 500') },
    })
    expect(calls.length).toBe(1)
    await advance(21 * MINUTE)
    await until(() => calls.length === 2, 'it is tried again')
  })

  it('is suspended although its last probes failed, where nothing probes it any more', async () => {
    const { calls, advance, job, state, router } = await machine(suspend)
    expect(await job()).toBe('gpu')
    state.down = true
    expect(await job()).toBe('nas')
    const probe = () => router.status().backends[0]?.health.probe?.kind
    await until(async () => {
      await advance(5_000)
      return probe() === 'down'
    }, 'it counts as unhealthy')
    state.down = false
    await advance(21 * MINUTE)
    await until(() => calls.length === 1, 'it is suspended')
    await advance(60 * MINUTE)
    expect(calls).toEqual(['POST /suspend'])
  })

  it('is suspended again when it was woken, and nothing used it', async () => {
    const { calls, advance, router, told } = await machine((hook) => ({
      ...suspend(hook),
      wake: { url: `${hook}/wake` },
    }))
    await advance(21 * MINUTE)
    await until(() => told('suspended').length === 1, 'it is suspended')
    await router.wake('gpu')
    await advance(21 * MINUTE)
    await until(() => told('suspended').length === 2, 'it is suspended again')
    expect(calls).toEqual(['POST /suspend', 'POST /wake', 'POST /suspend'])
  })

  it('is left alone once a reload takes the option away', async () => {
    const { calls, advance, router } = await machine(suspend)
    const { backends, ...config } = router.modules.config()
    const { suspend: _, ...gpu } = backends['gpu'] ?? { url: '' }
    router.reload({ ...config, backends: { ...backends, gpu } })
    await advance(60 * MINUTE)
    expect(calls).toEqual([])
  })
})

describe('a server with recycle', () => {
  it('is drained, restarted, and used again once it answers', async () => {
    const { calls, advance, job, told, state, changes } = await machine((hook) => ({
      recycle: { everyJobs: 3, url: `${hook}/restart`, method: 'PUT' },
    }))
    for (let i = 0; i < 2; i++) await job()
    await advance(MINUTE)
    expect(calls).toEqual([])
    await job()
    await until(async () => {
      await advance(5_000)
      return told('recycled').length === 1
    }, 'it is recycled')
    expect(calls).toEqual(['PUT /restart'])
    expect(state.pings).toBeGreaterThanOrEqual(2)
    expect(changes.flatMap((change) => (change.kind === 'enabled' ? [change.enabled] : []))).toEqual([
      false,
      true,
    ])
    expect(await job()).toBe('gpu')
    await advance(MINUTE)
    expect(calls.length).toBe(1)
  })

  it('is restarted by the hour, and used again even if that fails', async () => {
    const { calls, advance, job, told, state } = await machine((hook) => ({
      recycle: { everyHours: 1, url: `${hook}/restart` },
    }))
    state.status = 401
    await advance(61 * MINUTE)
    await until(() => told('recycled').length === 1, 'it has failed')
    expect(told('recycled')[0]).toMatchObject({ error: { message: expect.stringContaining('answered 401') } })
    expect(await job()).toBe('gpu')
    expect(calls.length).toBe(1)
  })

  it('has searches held while it restarts, where no other backend can answer them', async () => {
    const alone = { hold: { interactive: '15s' }, routes: [{ backends: ['gpu'] }] } as const
    const { advance, router, told, state, url } = await machine(
      (hook) => ({ recycle: { everyJobs: 1, url: `${hook}/restart` } }),
      {},
      alone,
    )
    expect((await post(url, search)).status).toBe(200)
    state.down = true
    await advance(5_000)
    await until(() => router.status().backends[0]?.health.enabled === false, 'it is drained')
    let status: number | undefined
    const answer = post(url, search).then((given) => {
      status = given.status
    })
    await until(() => router.status().held['default'] === 1, 'the search is held')
    await advance(5 * MINUTE)
    expect(status).toBeUndefined()
    state.down = false
    await until(async () => {
      await advance(5_000)
      return told('recycled').length === 1
    }, 'it is recycled')
    await answer
    expect(status).toBe(200)
  })

  it('has searches held as long as usual when a user has drained it', async () => {
    const alone = { hold: { interactive: '15s' }, routes: [{ backends: ['gpu'] }] } as const
    const { advance, router, url } = await machine(() => ({}), {}, alone)
    await router.drain('gpu')
    const answer = post(url, search)
    await until(() => router.status().held['default'] === 1, 'the search is held')
    await advance(15_000)
    expect((await answer).status).toBe(503)
  })
})

// https://github.com/immich-app/immich/issues/23462, 26806
describe('a server whose memory grows with each job', () => {
  /** It is killed by the fifth job after its last restart, and never comes back by itself. */
  const leaking = async (recycles: boolean) => {
    const server = await machine(
      (hook) => (recycles ? { recycle: { everyJobs: 3, url: `${hook}/restart` } } : {}),
      {},
      { hold: { bulk: '12h' }, routes: [{ backends: ['gpu'] }] },
    )
    const { state, calls, advance, told, url } = server
    let answered = 0
    for (let i = 1; i <= 12; i++) {
      state.down ||= state.jobs - 3 * calls.length >= 5
      if (state.down) break
      answered += Number((await post(url, image)).status === 200)
      const restarts = recycles ? Math.floor(i / 3) : 0
      await until(async () => {
        await advance(5_000)
        return told('recycled').length === restarts
      }, 'it is restarted when it is due')
    }
    return { answered, isKilled: state.down, restarts: calls.length }
  }

  it('is restarted before it is killed', async () => {
    expect(await leaking(true)).toEqual({ answered: 12, isKilled: false, restarts: 4 })
  })

  it('is killed without recycle', async () => {
    expect(await leaking(false)).toEqual({ answered: 5, isKilled: true, restarts: 0 })
  })
})

describe('what recycle has counted', () => {
  const everyJobs = (hook: string) => ({ recycle: { everyJobs: 3, url: `${hook}/restart` } })

  it('outlives the process', async () => {
    const file = join(await temporaryDirectory(), 'recycle.json')
    const first = await machine(everyJobs, { file })
    for (let i = 0; i < 2; i++) await first.job()
    await first.router.close()
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ gpu: { jobs: 2 } })

    const second = await machine(everyJobs, { file })
    await second.advance(MINUTE)
    expect(second.calls).toEqual([])
    await second.job()
    await until(async () => {
      await second.advance(5_000)
      return second.told('recycled').length === 1
    }, 'it is recycled')
    await second.router.close()
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ gpu: { jobs: 0 } })
  })

  it('is reset by a restart that the end of the process interrupts, and nothing goes on after close()', async () => {
    const file = join(await temporaryDirectory(), 'recycle.json')
    const { clock, calls, advance, job, router, state, changes } = await machine(everyJobs, { file })
    for (let i = 0; i < 3; i++) await job()
    state.down = true
    await until(async () => {
      await advance(5_000)
      return calls.length === 1
    }, 'it is restarted')
    await advance(5_000)
    await router.close()
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ gpu: { jobs: 0 } })
    const before = changes.length
    await advance(20 * MINUTE)
    expect([changes.length, clock.pending, calls]).toEqual([before, 0, ['POST /restart']])
  })

  it('is the time of the last restart as well, by the wall clock', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000_000 })
    onTestFinished(() => void vi.useRealTimers())
    const file = join(await temporaryDirectory(), 'recycle.json')
    const hourly = (hook: string) => ({ recycle: { everyHours: 1, url: `${hook}/restart` } })
    const first = await machine(hourly, { file })
    await first.advance(5_000)
    await first.router.close()
    vi.setSystemTime(1_000_000_000 + 50 * MINUTE)
    const second = await machine(hourly, { file })
    await second.advance(9 * MINUTE)
    expect(second.calls).toEqual([])
    await second.advance(2 * MINUTE)
    await until(() => second.calls.length === 1, 'it is recycled')
  })

  it('is written while the process runs, at most once a minute', async () => {
    const file = join(await temporaryDirectory(), 'recycle.json')
    const { job, advance } = await machine(everyJobs, { file })
    const saved = async () => JSON.parse(await readFile(file, 'utf8').catch(() => '{}')).gpu?.jobs
    await job()
    await advance(5_000)
    await until(async () => (await saved()) === 1, 'it is written')
    await job()
    await advance(50_000)
    expect(await saved()).toBe(1)
    await advance(10_000)
    await until(async () => (await saved()) === 2, 'it is written again')
  })

  it('is kept for a backend with the name of a property', async () => {
    const file = join(await temporaryDirectory(), 'recycle.json')
    const gpu = await stubMl()
    const recycle = { everyJobs: 100, everyHours: 1, url: gpu.url }
    for (let i = 1; i <= 2; i++) {
      const backends = { constructor: { url: gpu.url, recycle } }
      const { router, url } = await serveRouter({ backends })
      managePower(router, { file })
      await post(url, search)
      await router.close()
      const kept = new Map(Object.entries(JSON.parse(await readFile(file, 'utf8'))))
      expect(kept.get('constructor')).toEqual({ jobs: i, restarted: expect.any(Number) })
    }
  })

  it('ends with the router, and so does a call that is not answered', async () => {
    let isCalled = false
    const hook = await listen((req) => {
      isCalled = true
      req.socket.once('close', () => {
        isCalled = false
      })
    })
    const { advance, router, told } = await machine(() => ({
      suspend: { afterIdle: '20m', url: hook.url, timeout: '1h' },
    }))
    await until(async () => {
      await advance(MINUTE)
      return isCalled
    }, 'it is called')
    await router.close()
    await until(() => !isCalled, 'the call has ended')
    expect(told('suspended')).toEqual([])
  })

  it('begins again when the file is damaged, with a warning', async () => {
    const file = join(await temporaryDirectory(), 'recycle.json')
    await writeFile(file, '{"gpu":{"jobs":"many"}}')
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const { job, advance, calls } = await machine(everyJobs, { file })
    expect((await warned).message).toContain(`${file} is ignored, recycle counts from 0`)
    for (let i = 0; i < 2; i++) await job()
    await advance(MINUTE)
    expect(calls).toEqual([])
  })
})
