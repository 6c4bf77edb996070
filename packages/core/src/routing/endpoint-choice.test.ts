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
import { type StrategyName, strategies } from '../balance/strategies.ts'
import type { Lease } from './lease.ts'

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
