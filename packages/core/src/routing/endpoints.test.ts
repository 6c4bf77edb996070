import { describe, expect, it, onTestFinished } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { FakeResolver, type Host, settled } from '../../../../test/support/fake-resolver.ts'
import { answered, failed } from '../../../../test/support/outcomes.ts'
import { type StrategyName, strategies } from '../balance/strategies.ts'
import type { BackendOptions, Policy, Route } from '../config/policy.ts'
import type { BackendEvent } from '../router/policy-runtime.ts'
import { selectBackend } from '../router/select-backend.ts'
import type { Lease } from './lease.ts'

const search = classified('text', 'clip/textual')
const unreachable = failed('connect')

interface Setting {
  /** What the name of the backend `ml` stands for; nothing, when not given. */
  readonly ml?: Host
  readonly resolver?: FakeResolver
  readonly backend?: Partial<BackendOptions>
  readonly route?: Partial<Route>
  /** Further backends, behind `ml`. */
  readonly others?: Policy['backends']
}

/** A policy of one backend, `ml`, whose name is resolved, and perhaps others. */
async function pool({ ml: host, backend = {}, route = {}, others = {}, ...setting }: Setting) {
  const clock = new FakeClock()
  const resolver = setting.resolver ?? new FakeResolver(host && { ml: host })
  const events: BackendEvent[] = []
  const wanted: string[] = []
  const ml = { url: 'http://ml:3003', discover: 'dns', maxConcurrent: 'unlimited', ...backend } as const
  const backends: Policy['backends'] = { ml, ...others }
  const select = selectBackend(
    {
      backends,
      routes: [{ backends: Object.keys(backends), strategy: 'first', ...route }],
      health: false,
      hold: false,
    },
    {
      clock,
      resolver,
      onBackendChange: (event) => events.push(event),
      onUnavailable: ({ name }) => wanted.push(name),
    },
  )
  onTestFinished(() => {
    select.close()
    expect(clock.pending).toBe(0)
  })
  select.start(async () => undefined)
  await settled()
  const advance = async (milliseconds: number) => {
    for (let left = milliseconds; left >= 0; left -= 1_000) {
      clock.advance(Math.min(left, 1_000))
      await settled()
    }
  }
  /** The name stands for something else from now on, which is seen ten seconds later. */
  const become = async (host: Host | undefined) => {
    resolver.hosts = host === undefined ? {} : { ml: host }
    await advance(10_000)
  }
  /** Where requests go that are sent one after the other. */
  const places = async (count: number, options = {}) => {
    const went: string[] = []
    for (let i = 0; i < count; i++) {
      const lease = await select(search, options)
      went.push(placeOf(lease))
      lease.release(answered)
    }
    return went
  }
  /** Sends so many at once. */
  const leases = (count: number) => Promise.all(Array.from({ length: count }, () => select(search)))
  const endpoints = () => select.backends().map(({ endpoint }) => endpoint)
  return { clock, resolver, select, events, wanted, advance, become, leases, places, endpoints }
}

const at = (...hosts: number[]) => hosts.map((host) => `10.0.0.${host}`)
const endpointsAt = (...hosts: number[]) => hosts.map((host) => `10.0.0.${host}:3003`)
const placeOf = ({ backend: { name, endpoint = name } }: Lease) => endpoint
function countsOf(places: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(places, (it) => it)].map(([it, { length }]) => [it, length]))
}

describe('the endpoints of a backend', () => {
  it('are those that its name has at the time; what is known of those that stay is kept', async () => {
    const { become, endpoints, select, events, leases } = await pool({ ml: at(1, 2) })
    expect(endpoints()).toEqual(endpointsAt(1, 2))
    const [first] = select.backends()
    const [lease] = await leases(1)
    expect(lease?.backend).toBe(first)
    expect(lease?.backend).toMatchObject({ name: 'ml', id: 'ml@10.0.0.1:3003', url: 'http://ml:3003' })
    await become(at(4, 1, 3))
    expect(endpoints()).toEqual(endpointsAt(1, 4, 3))
    expect([select.backends()[0] === first, first?.inFlight]).toEqual([true, 1])
    const told = { kind: 'resolved', backend: 'ml', endpoint: undefined }
    expect(events).toEqual([
      { ...told, endpoints: endpointsAt(1, 2), added: endpointsAt(1, 2), removed: [] },
      { ...told, endpoints: endpointsAt(1, 4, 3), added: endpointsAt(4, 3), removed: endpointsAt(2) },
    ])
    await become(at(3, 4, 1))
    expect([endpoints(), events.length]).toEqual([endpointsAt(1, 4, 3), 2])
  })

  it('are those of the servers of a service that have an address; of others it is told once that they have none', async () => {
    const resolver = new FakeResolver({ here: ['10.0.0.1'] })
    const record = (name: string) => ({ name, port: 3003, priority: 0, weight: 1 })
    resolver.records = { '_http._tcp.ml': [record('here'), record('there')] }
    const backend = { discover: { srv: '_http._tcp.ml' } }
    const { advance, endpoints, events } = await pool({ resolver, backend })
    await advance(20_000)
    expect(endpoints()).toEqual(endpointsAt(1))
    resolver.hosts = { here: ['10.0.0.1'], there: ['10.0.0.2'] }
    await advance(10_000)
    expect(endpoints()).toEqual(endpointsAt(1, 2))
    expect(events).toMatchObject([
      { kind: 'resolved', added: endpointsAt(1) },
      { kind: 'unresolved', backend: 'ml', error: { message: 'no such host there' } },
      { kind: 'resolved', added: endpointsAt(2) },
    ])
  })

  it('stay as they are while the name cannot be resolved, which is told once', async () => {
    const { become, endpoints, events, advance } = await pool({ ml: at(1, 2) })
    await become(new Error('SERVFAIL'))
    await advance(1_000)
    await become(at(1, 2))
    expect(endpoints()).toEqual(endpointsAt(1, 2))
    expect(events.slice(1)).toMatchObject([
      { kind: 'unresolved', backend: 'ml', error: { message: 'SERVFAIL' } },
      { kind: 'resolved', endpoints: endpointsAt(1, 2), added: [], removed: [] },
    ])
  })

  it('that come later get the tasks of their backend as well, and those that vanish no more', async () => {
    const { become, places } = await pool({
      ml: at(1, 2),
      backend: { tasks: ['clip'] },
      others: { nas: { url: 'http://nas' } },
    })
    expect(countsOf(await places(4))).toEqual({ '10.0.0.1:3003': 2, '10.0.0.2:3003': 2 })
    await become(at(2, 3))
    expect(countsOf(await places(4))).toEqual({ '10.0.0.2:3003': 2, '10.0.0.3:3003': 2 })
  })

  it('that vanish finish what is running there, and are there again when they come back meanwhile', async () => {
    const { become, endpoints, select, leases, places } = await pool({ ml: at(1, 2) })
    const running = await leases(2)
    const gone: string[] = []
    for (const { backend } of running) backend.target.onClose(() => gone.push(backend.endpoint ?? ''))
    await become(at(3))
    expect(endpoints()).toEqual(endpointsAt(3))
    expect(select.leaving().map(({ endpoint }) => endpoint)).toEqual(endpointsAt(1, 2))
    expect(countsOf(await places(3))).toEqual({ '10.0.0.3:3003': 3 })
    await become(at(3, 2))
    expect(select.backends()[1]).toBe(running[1]?.backend)
    for (const { release } of running) release(answered)
    await settled()
    expect([gone, select.leaving()]).toEqual([endpointsAt(1), []])
    await become(at(3))
    expect(gone).toEqual(endpointsAt(1, 2))
  })

  it('are resolved anew as soon as one cannot be reached', async () => {
    const { resolver, advance, select, endpoints } = await pool({ ml: at(1) })
    await advance(5_000)
    resolver.hosts = { ml: at(2) }
    for (let i = 0; i < 3; i++) select.lease('ml').release(unreachable)
    await advance(0)
    expect(endpoints()).toEqual(endpointsAt(2))
  })

  it('have the weights and the tiers of their records, as these are at the time', async () => {
    const resolver = new FakeResolver({ a: at(1), b: at(2), c: at(3) })
    const records = (...weights: [a: number, b: number, c: number]) => {
      const servers = weights.map((weight, i) => ({
        name: 'abc'[i] ?? '',
        port: 80,
        weight,
        priority: i && 10,
      }))
      resolver.records = { service: servers }
    }
    records(1, 30, 10)
    const { select, places, advance } = await pool({
      resolver,
      backend: { discover: { srv: 'service' }, weight: 2, tier: 3 },
      others: { spare: { url: 'http://spare', tier: 4 } },
      route: { strategy: 'weighted-round-robin' },
    })
    const rates = () => select.backends().map(({ weight, tier }) => [weight, tier])
    expect(rates()).toEqual([
      [2, 3],
      [3, 3.5],
      [1, 3.5],
      [1, 4],
    ])
    expect(countsOf(await places(4))).toEqual({ '10.0.0.1:80': 4 })
    expect(countsOf(await places(8, { exclude: ['ml@10.0.0.1:80'] }))).toEqual({
      '10.0.0.2:80': 6,
      '10.0.0.3:80': 2,
    })
    records(1, 10, 30)
    await advance(10_000)
    expect(rates().slice(1, 3)).toEqual([
      [1, 3.5],
      [3, 3.5],
    ])
  })

  it('are drained together with those that come later, until they are enabled', async () => {
    const { select, become, leases, places } = await pool({
      ml: at(1, 2),
      others: { spare: { url: 'http://spare' } },
    })
    const [running] = await leases(1)
    let drained = false
    const draining = select.drain('ml').then(() => {
      drained = true
    })
    await become(at(2, 3))
    expect([await places(2), drained]).toEqual([['spare', 'spare'], false])
    running?.release(answered)
    await draining
    select.enable('ml')
    expect(countsOf(await places(4))).toEqual({ '10.0.0.2:3003': 2, '10.0.0.3:3003': 2 })
    expect(() => select.drain('mll')).toThrow('"mll" is not among the backends: ml, spare.')
  })

  it('are excluded and avoided one by one, or all by the name', async () => {
    const { places } = await pool({ ml: at(1, 2), others: { spare: { url: 'http://spare' } } })
    expect(countsOf(await places(3, { exclude: ['ml@10.0.0.1:3003'] }))).toEqual({ '10.0.0.2:3003': 3 })
    expect(countsOf(await places(3, { avoid: ['ml@10.0.0.2:3003'] }))).toEqual({ '10.0.0.1:3003': 3 })
    expect(countsOf(await places(3, { exclude: ['ml'] }))).toEqual({ spare: 3 })
    await expect(places(1, { exclude: ['ml', 'spare'] })).rejects.toThrow('ml, spare are excluded')
  })

  it('have each the limit of the backend', async () => {
    const { leases, select, become } = await pool({ ml: at(1, 2), backend: { maxConcurrent: 2 } })
    const running = await leases(4)
    expect(countsOf(running.map(placeOf))).toEqual({ '10.0.0.1:3003': 2, '10.0.0.2:3003': 2 })
    const waits = select(search)
    await settled()
    expect(select.held()).toEqual({ default: 1 })
    await become(at(1, 2, 3))
    expect(placeOf(await waits)).toBe('10.0.0.3:3003')
    expect(select.backends().map(({ inFlight, demand: { waiting } }) => [inFlight, waiting])).toEqual([
      [2, 0],
      [2, 0],
      [1, 0],
    ])
  })

  it('make a machine wanted when all of them are away, and not before', async () => {
    const { select, wanted, clock } = await pool({
      ml: at(1, 2),
      others: { spare: { url: 'http://spare' } },
    })
    const fail = (i: number) => {
      for (let n = 0; n < 3; n++) select.backends()[i]?.reserve().release(unreachable)
    }
    fail(0)
    await select(search)
    expect(wanted).toEqual([])
    fail(1)
    await select(search)
    await select(search)
    expect(wanted).toEqual(['ml'])
    clock.shift(29_999)
    await select(search)
    expect(wanted).toEqual(['ml'])
  })
})

describe('a lease by name', () => {
  it('is on an endpoint that can take it', async () => {
    const { select } = await pool({ ml: at(1, 2) })
    for (let i = 0; i < 3; i++) select.backends()[0]?.reserve().release(unreachable)
    expect([1, 2].map(() => placeOf(select.lease('ml')))).toEqual(Array(2).fill('10.0.0.2:3003'))
  })

  it('is not to be had before there is one', async () => {
    const { select, become } = await pool({})
    expect(() => select.lease('ml')).toThrow('ml has no address (no such host ml)')
    await become(at(1))
    expect(placeOf(select.lease('ml'))).toBe('10.0.0.1:3003')
  })
})

describe('a name that has no address', () => {
  it('is no backend for a request, which is told so', async () => {
    const { select, wanted } = await pool({ others: { off: { url: 'http://off' } } })
    select.drain('off')
    await expect(select(search)).rejects.toMatchObject({
      code: 'no-backend-available',
      message:
        'No backend of route "default" is available: off is drained, ml has no address (no such host ml).',
    })
    expect([wanted, select.useful()]).toEqual([['ml'], false])
    select.enable('off')
    const lease = await select(search)
    expect([lease.backend.name, lease.left([lease.backend.id])]).toEqual(['off', 0])
  })

  it('is waited for while it is being resolved for the first time, and no longer', async () => {
    const resolver = new FakeResolver()
    resolver.silent = true
    const { select, advance } = await pool({ resolver, others: { nas: { url: 'http://nas' } } })
    let got: Lease | undefined
    const asked = select(search).then((lease) => {
      got = lease
    })
    await advance(4_999)
    expect(got).toBeUndefined()
    await advance(1)
    await asked
    expect(got?.backend.name).toBe('nas')
  })

  it('is waited for on a route that holds, and wanted', async () => {
    const { select, become, wanted, clock } = await pool({ route: { hold: '1h' } })
    const waiting = [select(search), select(search)]
    await settled()
    expect([select.held(), wanted]).toEqual([{ default: 2 }, ['ml']])
    clock.advance(30_000)
    expect(wanted).toEqual(['ml', 'ml'])
    await become(at(1, 2))
    const places = await Promise.all(waiting.map(async (lease) => placeOf(await lease)))
    expect(places).toEqual(endpointsAt(1, 2))
    expect(select.backends().map(({ demand }) => demand.waiting)).toEqual([0, 0])
    clock.advance(60_000)
    expect(wanted).toEqual(['ml', 'ml'])
  })

  it('is drained like any other', async () => {
    const { select, become, places } = await pool({ route: { hold: '1h' } })
    await select.drain('ml')
    await become(at(1))
    const waits = select(search)
    await settled()
    expect(select.held()).toEqual({ default: 1 })
    select.enable('ml')
    expect(placeOf(await waits)).toBe('10.0.0.1:3003')
    expect(await places(1)).toHaveLength(1)
  })
})

describe('a request that waits', () => {
  it('hears of endpoints that come, and forgets those that go', async () => {
    const { select, become } = await pool({ ml: at(1, 2), backend: { maxConcurrent: 1 } })
    const running = [await select(search), await select(search)]
    const [first, second] = select.backends()
    const leaving = new AbortController()
    const waits = select(search, { signal: leaving.signal, exclude: ['ml@10.0.0.3:3003'] })
    await settled()
    await become(at(2, 3))
    expect([first?.demand.waiting, second?.demand.waiting, select.backends()[1]?.demand.waiting]).toEqual([
      0, 1, 0,
    ])
    running[0]?.release(answered)
    await settled()
    expect(select.held()).toEqual({ default: 1 })
    const refused = expect(waits).rejects.toMatchObject({
      message: expect.stringContaining('ml is excluded'),
    })
    await become(at(3))
    await refused
    expect(select.held()).toEqual({})
  })

  it('is not kept back by one that has fewer endpoints to go to', async () => {
    const { select, become, leases } = await pool({ ml: at(1, 2), backend: { maxConcurrent: 1 } })
    const [running] = await leases(2)
    const choosy = select(search, { exclude: ['ml@10.0.0.1:3003'] })
    await become(at(2))
    const waits = select(search)
    await become(at(1, 2))
    expect(select.held()).toEqual({ default: 2 })
    running?.release(answered)
    expect(placeOf(await waits)).toBe('10.0.0.1:3003')
    await become(at(1, 2, 3))
    expect(placeOf(await choosy)).toBe('10.0.0.3:3003')
  })
})

describe('requests one after the other', () => {
  it.each<StrategyName>(['first', 'round-robin', 'weighted-round-robin', 'least-conn'])(
    'with %s go to the endpoints in turn, as many as there are',
    async (strategy) => {
      const { places, become } = await pool({ ml: at(1), route: { strategy } })
      const shares = async (count: number) => Object.values(countsOf(await places(count)))
      expect(await shares(12)).toEqual([12])
      await become(at(1, 2, 3, 4))
      expect(await shares(12)).toEqual([3, 3, 3, 3])
      await become(at(2, 3))
      expect(await shares(12)).toEqual([6, 6])
    },
  )

  it('with peak-ewma go to each new endpoint once to find out, and then to all in turn', async () => {
    const { clock, leases, places, become } = await pool({ ml: at(1), route: { strategy: 'peak-ewma' } })
    const send = async (count: number, time: number) => {
      const sent = await leases(count)
      clock.shift(time)
      for (const { release } of sent) release(answered)
      return sent.map(placeOf)
    }
    expect(await send(1, 50)).toEqual(endpointsAt(1))
    await become(at(1, 2, 3))
    expect(await send(4, 5_000)).toEqual(endpointsAt(2, 3, 1, 1))
    expect(Object.values(countsOf(await places(12)))).toEqual([4, 4, 4])
  })

  it('with model-affinity stay where they were but for the share of a new endpoint', async () => {
    const { select, become } = await pool({ ml: at(1, 2, 3, 4), route: { strategy: 'model-affinity' } })
    const models = Array.from({ length: 150 }, (_, i) => `model-${i}`)
    const placesOfModels = async () => {
      const places: string[] = []
      for (const model of models) {
        const entries = [{ task: 'clip', type: 'visual', model, options: {} }]
        const lease = await select({ ...search, entries })
        lease.release(answered)
        places.push(placeOf(lease))
      }
      return places
    }
    const before = await placesOfModels()
    expect(Object.keys(countsOf(before))).toHaveLength(4)
    await become(at(1, 2, 3, 4, 5))
    const after = await placesOfModels()
    const moved = after.filter((place, i) => place !== before[i])
    expect(new Set(moved)).toEqual(new Set(endpointsAt(5)))
    expect(moved.length / models.length).toBeGreaterThan(0.1)
    expect(moved.length / models.length).toBeLessThan(0.35)
  })
})

describe.each(Object.keys(strategies) as StrategyName[])('requests at once, with %s', (strategy) => {
  it('are spread over the endpoints', async () => {
    const { leases } = await pool({ ml: at(1, 2, 3, 4), route: { strategy } })
    const places = countsOf((await leases(40)).map(placeOf))
    // One model may have a quarter more than its share.
    const most = strategy === 'model-affinity' ? 13 : 10
    expect(Object.values(places)).toHaveLength(4)
    expect(Math.max(...Object.values(places))).toBeLessThanOrEqual(most)
  })
})

describe('the order of first', () => {
  it('is that of the backends: the second is used when no endpoint of the first is there, or by spill', async () => {
    const others = { nas: { url: 'http://nas' } }
    const { select, leases } = await pool({ ml: at(1, 2), others })
    expect(countsOf((await leases(6)).map(placeOf))).toEqual({ '10.0.0.1:3003': 3, '10.0.0.2:3003': 3 })
    for (const backend of select.backends().slice(0, 2))
      for (let i = 0; i < 3; i++) backend.reserve().release(unreachable)
    expect(countsOf((await leases(2)).map(placeOf))).toEqual({ nas: 2 })
    const spilling = await pool({
      ml: at(1, 2),
      others,
      backend: { maxConcurrent: 1 },
      route: { spill: true },
    })
    expect((await spilling.leases(4)).map(placeOf)).toEqual([...endpointsAt(1, 2), 'nas', 'nas'])
    const waiting = await pool({ ml: at(1, 2), others, backend: { maxConcurrent: 1 } })
    waiting.leases(4).catch(() => {})
    await settled()
    expect(waiting.select.held()).toEqual({ default: 2 })
  })
})
