import { describe, expect, it } from 'vitest'
import { FakeResolver, settled } from '../../../../test/support/fake-resolver.ts'
import { keysOf } from '../../../../test/support/job-keys.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { BackendGroup, type GroupSettings } from './backend-group.ts'
import type { GroupChange } from './group-change.ts'

const IMAGE = keysOf('clip/visual')
const DISCOVER = { names: ['ml'], port: 3003, services: [], interval: 30_000 }
const CHECK = { path: '/ping', interval: 10_000, timeout: 2_000, rise: 2, fall: 3 }

function start(
  settings: Partial<GroupSettings> = {},
  resolver = new FakeResolver({ ml: ['10.0.0.1', '10.0.0.2'] }),
) {
  const clock = new FakeClock()
  const changes: (GroupChange & { readonly endpoint: string | undefined })[] = []
  const seen = { members: 0, reliefs: 0 }
  const base: GroupSettings = { url: 'http://user:secret@ml:3003/', weight: 1, ...settings }
  const group = new BackendGroup('ml', base, {
    clock,
    resolver: () => resolver,
    onChange: (change, endpoint) => changes.push({ ...change, endpoint }),
    onMembers: () => seen.members++,
    onRelief: () => seen.reliefs++,
  })
  const discovered = async () => {
    group.discover()
    await settled()
    return group.members
  }
  return { clock, group, base, resolver, changes, seen, discovered }
}

describe('a backend without discovery', () => {
  it('is one server, of whose URL no credentials are shown', () => {
    const { group } = start()
    expect([group.url, group.members.length, group.members[0].health.unresolved]).toEqual([
      'http://ml:3003',
      1,
      undefined,
    ])
  })

  it('is meant by settings of the same URL, whatever else they say', () => {
    const { group } = start()
    const meant = (url: string, more = {}) => group.isMeantBy({ url, weight: 2, ...more })
    expect([
      meant('http://ml:3003'),
      meant('http://ml:3004'),
      meant('http://ml:3003', { discover: DISCOVER }),
    ]).toEqual([true, false, false])
  })

  it('drains once what is running there is over, and is used again', async () => {
    const { group, changes } = start()
    const [only] = group.members
    const [one, other] = [only.reserve(IMAGE), only.reserve(IMAGE)]
    let isDrained = false
    const drained = group.drain().then(() => (isDrained = true))
    expect(only.health.obstacle(IMAGE)?.kind).toBe('disabled')
    one.release()
    await settled()
    expect(isDrained).toBe(false)
    other.release()
    await drained
    group.enable()
    expect(only.health.obstacle(IMAGE)).toBeUndefined()
    expect(changes.map(({ kind }) => kind)).toEqual(['enabled', 'enabled'])
  })

  it('closes its connections when it has left, unless it comes back before', async () => {
    const { group } = start()
    const [only] = group.members
    let closed = 0
    only.target.onClose(() => closed++)
    const slot = only.reserve(IMAGE)
    const left = group.leave()
    expect([only.target.isLeaving, group.leaving]).toEqual([true, [only]])
    group.comeBack()
    expect([only.target.isLeaving, group.leaving]).toEqual([false, []])
    slot.release()
    await left
    expect(closed).toBe(0)
    await group.leave()
    expect(closed).toBe(1)
  })

  it('is probed from its start to its stop', async () => {
    const { group, clock } = start({ check: CHECK })
    let probes = 0
    group.start(async () => {
      probes++
      return undefined
    })
    await settled()
    clock.advance(11_000)
    group.stop()
    await settled()
    clock.advance(60_000)
    expect([probes, clock.pending]).toEqual([2, 0])
  })
})

describe('a backend whose name is resolved', () => {
  it('has one member without an address until then, which says why', async () => {
    const { group, discovered, seen } = start({ discover: DISCOVER, check: CHECK })
    const [missing] = group.members
    expect([missing.health.obstacle(IMAGE)?.kind, missing.health.unresolved, missing.health.isDown]).toEqual([
      'resolving',
      'ml has no address yet',
      true,
    ])
    const members = await discovered()
    expect(members.map(({ endpoint, health }) => [endpoint, health.unresolved])).toEqual([
      ['10.0.0.1:3003', undefined],
      ['10.0.0.2:3003', undefined],
    ])
    expect([seen.members, seen.reliefs > 0]).toEqual([1, true])
    group.stop()
  })

  it('is unresolved when the look-up fails, and reports it once', async () => {
    const { group, discovered, changes, clock } = start({ discover: DISCOVER }, new FakeResolver())
    const [missing] = await discovered()
    expect([missing.health.obstacle(IMAGE)?.kind, missing.health.unresolved]).toEqual([
      'unresolved',
      'ml has no address (no such host ml)',
    ])
    for (let seconds = 0; seconds < 30; seconds++) {
      clock.advance(1_000)
      await settled()
    }
    expect(changes).toMatchObject([{ kind: 'unresolved', endpoint: undefined }])
    group.stop()
  })

  it('keeps the endpoints that remain, and those that have left until they are idle', async () => {
    const { group, discovered, resolver, clock, changes } = start({ discover: DISCOVER })
    const [first, second] = await discovered()
    const slot = second?.reserve(IMAGE)
    resolver.hosts = { ml: ['10.0.0.1', '10.0.0.3'] }
    clock.advance(30_000)
    await settled()
    expect(group.members.map(({ endpoint }) => endpoint)).toEqual(['10.0.0.1:3003', '10.0.0.3:3003'])
    expect([group.members[0] === first, group.leaving]).toEqual([true, [second]])
    expect(changes.at(-1)).toMatchObject({
      kind: 'resolved',
      added: ['10.0.0.3:3003'],
      removed: ['10.0.0.2:3003'],
    })
    slot?.release()
    await settled()
    expect(group.leaving).toEqual([])
    group.stop()
  })

  it('gives each endpoint its share of the weight, also when it is configured', async () => {
    const resolver = new FakeResolver({ big: ['10.0.0.1'], small: ['10.0.0.2'] })
    const record = { port: 3003, priority: 0 }
    resolver.records = {
      '_http._tcp.ml': [
        { ...record, name: 'big', weight: 30 },
        { ...record, name: 'small', weight: 10 },
      ],
    }
    const discover = { names: [], port: 3003, services: ['_http._tcp.ml'], interval: 30_000 }
    const { group, discovered, base } = start({ discover }, resolver)
    expect((await discovered()).map(({ weight, tier }) => [weight, tier])).toEqual([
      [1.5, 1],
      [0.5, 1],
    ])
    group.configure({ ...base, discover, weight: 4, tier: 2 })
    expect(group.members.map(({ weight, tier }) => [weight, tier])).toEqual([
      [6, 2],
      [2, 2],
    ])
    group.stop()
  })
})
