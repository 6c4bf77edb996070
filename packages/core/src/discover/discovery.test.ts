import { describe, expect, it, onTestFinished } from 'vitest'
import { FakeResolver, settled } from '../../../../test/support/fake-resolver.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type Discovered, Discovery, type DiscoverySettings } from './discovery.ts'
import { formatEndpoint } from './endpoint.ts'

/** A running discovery, and its results so far. */
async function discovering(resolver: FakeResolver, settings: Partial<DiscoverySettings> = {}) {
  const clock = new FakeClock()
  const found: Discovered[] = []
  const discovery = new Discovery(
    clock,
    { names: ['ml'], port: 3003, services: [], interval: 10_000, ...settings },
    resolver,
    (discovered) => found.push(discovered),
  )
  onTestFinished(() => {
    discovery.stop()
    expect(clock.pending).toBe(0)
  })
  const advance = async (milliseconds: number) => {
    clock.advance(milliseconds)
    await settled()
  }
  const last = () => found.at(-1)?.endpoints.map(formatEndpoint)
  discovery.start()
  await settled()
  return { clock, discovery, found, advance, last }
}

describe('a name', () => {
  it.each<[what: string, ttl: number | undefined, interval: number]>([
    ['the interval, without a TTL', undefined, 10_000],
    ['the TTL, when that is shorter', 4, 4_000],
    ["the interval, when the TTL is longer, as docker's is", 600, 10_000],
    ['a second, when the TTL is 0', 0, 1_000],
  ])('is resolved again after %s', async (_, ttl, expected) => {
    const addresses = ['10.0.0.1', '10.0.0.2']
    const resolver = new FakeResolver({ ml: ttl === undefined ? addresses : { addresses, ttl } })
    const { advance, found } = await discovering(resolver)
    expect(found).toEqual([
      {
        endpoints: addresses.map((address) => ({ address, port: 3003, share: 1, rank: 0 })),
        error: undefined,
      },
    ])
    await advance(expected - 1)
    expect(found).toHaveLength(1)
    resolver.hosts = { ml: ['10.0.0.3'] }
    await advance(1)
    expect(found).toHaveLength(2)
    expect(found[1]?.endpoints.map(formatEndpoint)).toEqual(['10.0.0.3:3003'])
  })

  it('that cannot be resolved keeps its endpoints, and is resolved again soon', async () => {
    const resolver = new FakeResolver({ ml: ['10.0.0.1'] })
    const { advance, found, last } = await discovering(resolver)
    resolver.hosts = { ml: new Error('SERVFAIL') }
    await advance(10_000)
    expect([last(), found.at(-1)?.error?.message]).toEqual([['10.0.0.1:3003'], 'SERVFAIL'])
    resolver.hosts = { ml: [] }
    await advance(1_000)
    expect([last(), found.at(-1)?.error?.message]).toEqual([['10.0.0.1:3003'], 'ml has no addresses'])
    resolver.hosts = { ml: ['fd00::2'] }
    await advance(1_000)
    expect([last(), found.at(-1)?.error]).toEqual([['[fd00::2]:3003'], undefined])
  })

  it('that was never resolved has no endpoints', async () => {
    const { found } = await discovering(new FakeResolver())
    expect(found).toMatchObject([{ endpoints: [], error: { message: 'no such host ml' } }])
  })

  it('without an answer times out, and is resolved again', async () => {
    const resolver = new FakeResolver({ ml: ['10.0.0.1'] })
    resolver.silent = true
    const { advance, found, last } = await discovering(resolver)
    await advance(4_999)
    expect(found).toEqual([])
    await advance(1)
    expect(found).toMatchObject([{ endpoints: [], error: { message: 'no answer within 5 s' } }])
    resolver.silent = false
    await advance(1_000)
    expect(last()).toEqual(['10.0.0.1:3003'])
  })

  it('is resolved at once by refresh(), but at most once a second', async () => {
    const resolver = new FakeResolver({ ml: ['10.0.0.1'] })
    const { discovery, advance, found } = await discovering(resolver)
    discovery.refresh()
    await advance(999)
    discovery.refresh()
    expect(found).toHaveLength(1)
    await advance(1)
    expect(found).toHaveLength(2)
    await advance(5_000)
    discovery.refresh()
    await advance(0)
    expect(found).toHaveLength(3)
    await advance(9_999)
    expect(found).toHaveLength(3)
    await advance(1)
    expect(found).toHaveLength(4)
  })

  it('is not resolved after stop(), which cancels a running query', async () => {
    const resolver = new FakeResolver({ ml: ['10.0.0.1'] })
    const { discovery, advance, clock, found } = await discovering(resolver)
    resolver.silent = true
    await advance(10_000)
    expect(resolver.asked).toHaveLength(2)
    discovery.stop()
    expect(clock.pending).toBe(0)
    discovery.refresh()
    discovery.start()
    await advance(60_000)
    expect([resolver.asked.length, found.length]).toEqual([2, 1])
  })
})

describe('several names', () => {
  it('give the union of their addresses', async () => {
    const resolver = new FakeResolver({ a: ['10.0.0.1', '10.0.0.2'], b: ['10.0.0.2', '10.0.0.3'] })
    const { last } = await discovering(resolver, { names: ['a', 'b'] })
    expect(last()).toEqual(['10.0.0.1:3003', '10.0.0.2:3003', '10.0.0.3:3003'])
  })

  it('are independent of one that cannot be resolved', async () => {
    const resolver = new FakeResolver({ a: ['10.0.0.1'], b: ['10.0.0.2'] })
    const { advance, last, found } = await discovering(resolver, { names: ['a', 'b', 'c'] })
    expect([last(), found[0]?.error?.message]).toEqual([['10.0.0.1:3003', '10.0.0.2:3003'], 'no such host c'])
    resolver.hosts = { a: ['10.0.0.9'] }
    await advance(1_000)
    expect([last(), found[1]?.error?.message]).toEqual([
      ['10.0.0.9:3003', '10.0.0.2:3003'],
      'no such host b; no such host c',
    ])
  })
})

describe('a service', () => {
  const settings = { names: [], services: ['_http._tcp.ml'] }
  const record = (name: string, port: number, priority: number, weight: number) => ({
    name,
    port,
    priority,
    weight,
  })

  it('keeps a target that cannot be resolved, and drops one without a record', async () => {
    const resolver = new FakeResolver({ a: { addresses: ['10.0.0.1'], ttl: 30 }, b: ['10.0.0.2'] })
    resolver.records = { '_http._tcp.ml': [record('a', 1, 0, 1), record('b', 1, 0, 1)] }
    const { advance, last, found } = await discovering(resolver, settings)
    resolver.hosts = { a: { addresses: ['10.0.0.1'], ttl: 30 } }
    await advance(10_000)
    expect([last(), found.at(-1)?.error?.message]).toEqual([['10.0.0.1:1', '10.0.0.2:1'], 'no such host b'])
    resolver.records = { '_http._tcp.ml': [record('a', 1, 0, 1)] }
    await advance(1_000)
    expect([last(), found.at(-1)?.error]).toEqual([['10.0.0.1:1'], undefined])
  })

  it('has the targets with an address, and reports equal failures as equal errors', async () => {
    const resolver = new FakeResolver({ a: ['10.0.0.1'] })
    const records = ['c', 'a', 'b'].map((name) => record(name, 1, 0, 1))
    resolver.records = { '_http._tcp.ml': records }
    const { advance, found, last } = await discovering(resolver, settings)
    resolver.records = { '_http._tcp.ml': records.toReversed() }
    await advance(1_000)
    const messages = found.map(({ error }) => error?.message)
    const both = 'no such host b; no such host c'
    expect([last(), messages]).toEqual([['10.0.0.1:1'], [both, both]])
  })
})
