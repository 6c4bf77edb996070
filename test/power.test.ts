import type { BackendOptions } from '@immich-ml-router/core'
import { managePower, type PowerOptions } from '@immich-ml-router/core/power'
import { FakeClock, GOOD_ANSWER } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { search } from './support/health-servers.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

const MINUTE = 60_000

/** A backend whose machine is switched by hooks, and a second one. */
async function machine(options: (hook: string) => Partial<BackendOptions>, power: PowerOptions = {}) {
  const clock = new FakeClock()
  const calls: string[] = []
  const state = { status: 200, hang: false, jobs: 0, pings: 0 }
  const gpu = await listen((req, res) => {
    if (req.url === '/ping') {
      state.pings++
      return res.end('pong')
    }
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
})
