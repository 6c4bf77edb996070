import { EventEmitter } from 'node:events'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { type BackendStatus, backendStatus, healthy } from '../../../../test/support/backend-status.ts'
import { classified } from '../../../../test/support/classifications.ts'
import { answered } from '../../../../test/support/outcomes.ts'
import type { BackendEvent } from '../router/policy-runtime.ts'
import type { RequestEvent, Router, RouterEvents, RouterStatus } from '../router/router.ts'
import { type MetricsOptions, routerMetrics } from './router-metrics.ts'

/** A router with a status and events that a test sets. */
class FakeRouter implements Pick<Router, 'on' | 'status'> {
  readonly #events = new EventEmitter()
  asked = 0
  backends: BackendStatus[] = [backendStatus('gpu')]
  routes = ['search']

  get listeners(): number {
    return this.#events.listenerCount('request') + this.#events.listenerCount('backend')
  }

  on<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): () => void {
    this.#events.on(event, listener)
    return () => this.#events.off(event, listener)
  }

  status(): RouterStatus {
    this.asked++
    return {
      state: 'running',
      now: 0,
      active: 0,
      held: {},
      routes: this.routes.map((name) => ({ name, waiting: { full: 0, unavailable: 0 } })),
      tasks: [],
      bodies: { memory: 0, memoryLimit: 0, disk: 0, files: 0 },
      notices: [],
      backends: this.backends,
    }
  }

  tell(event: 'request', it: Partial<RequestEvent>): void
  tell(event: 'backend', it: BackendEvent): void
  tell(event: string, it: unknown): void {
    this.#events.emit(event, it)
  }
}

const search: Partial<RequestEvent> = {
  classification: classified('text', 'clip/textual/ViT'),
  route: 'search',
  backend: { name: 'gpu', url: 'http://gpu', endpoint: undefined },
  attempts: [],
  outcome: answered,
  bodySize: 10,
  responseSize: 10,
  heartbeats: 0,
  steps: { classify: 0, queue: 0, hold: 0, backend: 40, firstByte: 40, total: 40 },
}

function stage(options: MetricsOptions = {}) {
  const router = new FakeRouter()
  const metrics = routerMetrics(router, options)
  const lines = async (part: string) =>
    (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => !line.startsWith('#') && line.includes(part))
  return { router, metrics, lines }
}

describe('the metrics of a router', () => {
  it('drop removed backends and routes, even if a last request completes later', async () => {
    const { router, lines } = stage()
    router.tell('request', search)
    expect(await lines('gpu')).not.toEqual([])
    expect(await lines('search')).not.toEqual([])
    router.backends = [backendStatus('nas')]
    router.routes = ['rest']
    expect([await lines('gpu'), await lines('search')]).toEqual([[], []])
    router.tell('request', search)
    expect([await lines('gpu'), await lines('search')]).toEqual([[], []])
    expect(await lines('ejections_total')).toEqual([
      'immich_ml_router_ejections_total{backend="nas",task="all",type="all"} 0',
    ])
  })

  it('say whether the last call of a hook failed', async () => {
    const { router, lines } = stage()
    const tell = (kind: 'wanted' | 'suspended', error?: Error) =>
      router.tell('backend', { backend: 'gpu', endpoint: undefined, kind, error })
    expect(await lines('hook_failed')).toEqual([])
    tell('wanted')
    // Without `wake`, nothing was called.
    expect(await lines('hook_failed')).toEqual([])
    router.backends = [{ ...backendStatus('gpu'), wakes: true }]
    tell('suspended', new Error('answered 500'))
    const line = (action: string, value: number) =>
      `immich_ml_router_backend_hook_failed{backend="gpu",action="${action}"} ${value}`
    expect(await lines('hook_failed')).toEqual([line('wake', 0), line('suspend', 1)])
    tell('suspended')
    expect(await lines('hook_failed')).toEqual([line('wake', 0), line('suspend', 0)])
    router.backends = [backendStatus('nas')]
    expect(await lines('hook_failed')).toEqual([])
  })

  it('keep requests without a route', async () => {
    const { router, lines } = stage()
    const { route: _, backend: __, classification: ___, outcome: ____, ...refused } = search
    router.tell('request', refused)
    const [line] = await lines('requests_total')
    expect(line).toContain('{route="none",backend="none",task="unknown",input="none",outcome="failed"} 1')
    expect(await lines('requests_total')).toEqual([line])
  })

  it('label requests by tenant if they are to', async () => {
    const { router, lines } = stage({ tenants: true, models: true })
    router.tell('request', { ...search, tenant: 'family' })
    router.tell('request', search)
    const found = (await lines('requests_total')).join('\n')
    expect(found).toMatch(/model="[^"]*",tenant="family"/)
    expect(found).toMatch(/model="[^"]*",tenant="none"/)
  })

  it('read the status once per scrape', async () => {
    const { router, lines } = stage()
    const before = router.asked
    await lines('')
    expect(router.asked).toBe(before + 1)
    await lines('')
    expect(router.asked).toBe(before + 2)
  })

  it('count the busy time of endpoints that come and go', async () => {
    const { router, lines } = stage()
    const [one, two] = [{ endpoint: '10.0.0.1:3003' }, { endpoint: '10.0.0.2:3003' }]
    const seconds = async () => (await lines('busy_seconds')).map((line) => Number(line.split(' ')[1]))
    const use = (busy: number) => ({ use: { busy, load: 0 } })
    router.backends = [
      backendStatus('pods', { ...one, ...use(3_000) }),
      backendStatus('pods', { ...two, ...use(1_000) }),
    ]
    expect(await seconds()).toEqual([4])
    router.backends = [backendStatus('pods', { ...two, ...use(2_500) })]
    expect(await seconds()).toEqual([5.5])
    router.backends = [
      backendStatus('pods', { ...one, ...use(500) }),
      backendStatus('pods', { ...two, ...use(2_500) }),
    ]
    expect(await seconds()).toEqual([6])
  })

  it('sum the endpoints of a backend', async () => {
    const { router, lines } = stage()
    const open = { kind: 'open', since: 0, until: 1, ejections: 1, reason: 'reset' } as const
    router.backends = [
      backendStatus('pods', { endpoint: '10.0.0.1:3003', inFlight: 2, limit: 4 }),
      backendStatus('pods', {
        endpoint: '10.0.0.2:3003',
        inFlight: 1,
        limit: 3,
        health: { ...healthy, reachable: open },
      }),
      backendStatus('pods', { endpoint: '10.0.0.3:3003', inFlight: 1, limit: 9, leaving: true }),
      backendStatus('any', { limit: undefined }),
      backendStatus('new', { limit: 1, unresolved: 'new has no address yet' }),
    ]
    expect(await lines('in_flight')).toEqual([
      'immich_ml_router_backend_in_flight_requests{backend="pods"} 4',
      'immich_ml_router_backend_in_flight_requests{backend="any"} 0',
      'immich_ml_router_backend_in_flight_requests{backend="new"} 0',
    ])
    expect(await lines('backend_request_limit')).toEqual([
      'immich_ml_router_backend_request_limit{backend="pods"} 7',
      'immich_ml_router_backend_request_limit{backend="new"} 0',
    ])
    expect((await lines('backend_servers')).filter((line) => line.endsWith(' 1'))).toEqual([
      'immich_ml_router_backend_servers{backend="pods",state="up"} 1',
      'immich_ml_router_backend_servers{backend="pods",state="ejected"} 1',
      'immich_ml_router_backend_servers{backend="any",state="up"} 1',
      'immich_ml_router_backend_servers{backend="new",state="unresolved"} 1',
    ])
  })

  it('have the label model by option', async () => {
    const { router, lines } = stage({ models: true })
    router.tell('request', search)
    expect(await lines('requests_total')).toEqual([
      'immich_ml_router_requests_total{route="search",backend="gpu",task="clip",input="text",model="ViT",outcome="answered"} 1',
    ])
    expect(await lines('request_duration_seconds_count')).toHaveLength(1)
    expect((await lines('request_duration_seconds_count'))[0]).toContain('model="ViT"')
  })

  it('use the given prefix, buckets and registry', async () => {
    const registry = new Registry()
    const { router, lines } = stage({ prefix: 'ml_', buckets: [0.1, 1], registry })
    router.tell('request', search)
    const le = /le="([^"]+)"/
    for (const name of ['ml_request_duration_seconds_bucket', 'ml_hold_duration_seconds_bucket'])
      expect((await lines(name)).map((line) => le.exec(line)?.[1])).toEqual(['0.1', '1', '+Inf'])
    expect(registry.getMetricsAsArray().every(({ name }) => name.startsWith('ml_'))).toBe(true)
  })

  it('are removed by close()', () => {
    const registry = new Registry()
    const { router, metrics } = stage({ registry })
    expect(router.listeners).toBe(2)
    expect(() => routerMetrics(router, { registry })).toThrow(/already been registered/)
    metrics.close()
    expect([router.listeners, registry.getMetricsAsArray()]).toEqual([0, []])
  })
})
