import { describe, expect, it } from 'vitest'
import { FakeResolver } from '../../../../test/support/fake-resolver.ts'
import { hostLookup, joinErrors, serviceLookup } from './lookup.ts'

const { signal } = new AbortController()
const SERVICE = '_http._tcp.ml'

function record(name: string, port: number, priority: number, weight: number) {
  return { name, port, priority, weight }
}

it('gives the addresses of a host with its port, and the shortest TTL', async () => {
  const resolver = {
    addresses: async () => [
      { address: '10.0.0.1', ttl: 7 },
      { address: '10.0.0.2', ttl: 3 },
      { address: 'fd00::1' },
    ],
    services: async () => [],
  }
  expect(await hostLookup(resolver, 'ml', 3003)(signal)).toEqual({
    endpoints: ['10.0.0.1', '10.0.0.2', 'fd00::1'].map((address) => ({
      address,
      port: 3003,
      share: 1,
      rank: 0,
    })),
    ttl: 3_000,
  })
})

describe('a service', () => {
  it('has ports per target, weights relative to their mean, and priorities within one tier', async () => {
    const resolver = new FakeResolver({ a: ['10.0.0.1'], b: ['10.0.0.2', 'fd00::2'], c: ['10.0.0.3'] })
    resolver.records = { [SERVICE]: [record('a', 1, 10, 90), record('b', 2, 10, 30), record('c', 3, 20, 0)] }
    expect((await serviceLookup(resolver, SERVICE)(signal)).endpoints).toEqual([
      { address: '10.0.0.1', port: 1, share: 1.5, rank: 0 },
      { address: '10.0.0.2', port: 2, share: 0.5, rank: 0 },
      { address: 'fd00::2', port: 2, share: 0.5, rank: 0 },
      { address: '10.0.0.3', port: 3, share: 1, rank: 0.5 },
    ])
  })

  it('gives a target of weight 0 a very small share', async () => {
    const resolver = new FakeResolver({ a: ['10.0.0.1'], b: ['10.0.0.2'] })
    resolver.records = { [SERVICE]: [record('a', 1, 0, 0), record('b', 1, 0, 10)] }
    const { endpoints } = await serviceLookup(resolver, SERVICE)(signal)
    const [a, b] = endpoints.map(({ share }) => share)
    expect(a).toBeGreaterThan(0)
    expect(a).toBeLessThan(0.1 * (b ?? 0))
  })

  it.each<[string, FakeResolver['records'], string]>([
    ['that does not exist', {}, `no such service ${SERVICE}`],
    ['without records', { [SERVICE]: [] }, `${SERVICE} has no SRV records`],
    ['whose record is a single dot', { [SERVICE]: [record('.', 0, 0, 0)] }, 'has no SRV records'],
    ['whose record is empty', { [SERVICE]: [record('', 0, 0, 0)] }, 'has no SRV records'],
    ['none of whose targets has an address', { [SERVICE]: [record('x', 1, 0, 0)] }, 'no such host x'],
  ])('%s is an error', async (_, records, message) => {
    const resolver = new FakeResolver()
    resolver.records = records
    await expect(serviceLookup(resolver, SERVICE)(signal)).rejects.toThrow(message)
  })
})

it('joins errors', () => {
  const [a, b] = [new Error('a'), new Error('b')]
  expect([joinErrors([]), joinErrors([a])]).toEqual([undefined, a])
  expect(joinErrors([a, b])).toMatchObject({ message: 'a; b', errors: [a, b] })
})
