import { describe, expect, it } from 'vitest'
import {
  at,
  countsOf,
  endpointsAt,
  placeOf,
  pool,
  search,
  unreachable,
} from '../../../../test/support/endpoint-pool.ts'
import { FakeResolver, settled } from '../../../../test/support/fake-resolver.ts'
import { answered } from '../../../../test/support/outcomes.ts'

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
