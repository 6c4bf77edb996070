import { describe, expect, it } from 'vitest'
import { FakeResolver, settled } from '../../../../test/support/fake-resolver.ts'
import { defaults } from '../config/defaults.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { BackendGroup, type GroupSettings } from './backend-group.ts'
import { Pool } from './pool.ts'

type Backends = Record<string, Partial<GroupSettings>>

function start(backends: Backends) {
  const clock = new FakeClock()
  const resolver = new FakeResolver({ ml: ['10.0.0.1', '10.0.0.2'] })
  const pool = new Pool((name, settings, onMembers) => {
    return new BackendGroup(name, settings, { clock, resolver: () => resolver, onMembers })
  })
  const configure = (its: Backends) =>
    pool.configure(
      new Map(
        Object.entries(its).map(([name, more]) => [name, { url: `http://${name}`, weight: 1, ...more }]),
      ),
    )
  configure(backends)
  return { pool, configure, clock, resolver }
}

const namesOf = (backends: readonly { readonly name: string }[]) => backends.map(({ name }) => name)

describe('the backends of a policy', () => {
  it('are known by their names', () => {
    const { pool } = start({ gpu: {}, nas: {} })
    expect([pool.group('nas').name, namesOf(pool.members)]).toEqual(['nas', ['gpu', 'nas']])
    expect(() => pool.group('mac')).toThrow(new RangeError('"mac" is not among the backends: gpu, nas.'))
    expect(() => pool.membersOf(['gpu', 'mac'])).toThrow(RangeError)
  })

  it('keep their state under another policy, when they are the same', () => {
    const { pool, configure } = start({ gpu: {}, nas: {}, mac: {} })
    const [gpu] = pool.members
    const { added, removed } = configure({ gpu: { weight: 3 }, nas: { url: 'http://other' }, new: {} })
    expect([pool.members[0] === gpu, gpu?.weight]).toEqual([true, 3])
    expect([namesOf(added), namesOf(removed)]).toEqual([
      ['nas', 'new'],
      ['nas', 'mac'],
    ])
  })

  it('leave once they are idle, and come back with their state until then', async () => {
    const { pool, configure } = start({ gpu: {}, nas: {} })
    const [gpu] = pool.members
    const slot = gpu?.reserve()
    configure({ nas: {} })
    expect([namesOf(pool.members), pool.leaving]).toEqual([['nas'], [gpu]])
    configure({ gpu: {}, nas: {} })
    expect([pool.members[0] === gpu, gpu?.target.isLeaving, pool.leaving]).toEqual([true, false, []])
    configure({ nas: {} })
    slot?.release()
    await settled()
    configure({ gpu: {}, nas: {} })
    expect([pool.members[0] === gpu, pool.leaving]).toEqual([false, []])
  })
})

describe('the members of a route', () => {
  it('are another array once an address has been found, and only then', async () => {
    const discover = { names: ['ml'], port: 3003, services: [], interval: 30_000 }
    const { pool, clock } = start({ ml: { discover }, nas: {} })
    const [members, others] = [pool.membersOf(['nas', 'ml']), pool.membersOf(['nas'])]
    const [before, beforeOthers] = [members.current, others.current]
    let changes = 0
    const end = pool.onChange(() => changes++)
    pool.group('ml').discover()
    await settled()
    expect(members.current).not.toBe(before)
    expect(others.current).toBe(beforeOthers)
    expect([members.current.map(({ endpoint }) => endpoint), changes]).toEqual([
      [undefined, '10.0.0.1:3003', '10.0.0.2:3003'],
      1,
    ])
    const after = members.current
    clock.advance(30_000)
    await settled()
    end()
    expect(members.current).toBe(after)
    pool.group('ml').stop()
  })

  it('are the same array for all tasks that every one of them serves', () => {
    const { pool } = start({ gpu: {}, nas: { tasks: ['ocr'] } })
    const members = pool.membersOf(['gpu', 'nas'])
    expect(members.serving(['ocr'])).toBe(members.current)
    expect(namesOf(members.serving(['clip']))).toEqual(['gpu'])
    expect(members.serving(['clip'])).toBe(members.serving(['clip']))
  })

  it('are not kept for more tasks than a policy may have', () => {
    const { pool } = start({ gpu: {}, nas: { tasks: ['ocr'] } })
    const members = pool.membersOf(['gpu', 'nas'])
    const first = members.serving(['clip'])
    for (let i = 0; i < 2 * defaults.mostTasks; i++) members.serving([`task-${i}`])
    expect(members.serving(['clip'])).not.toBe(first)
    expect(members.serving(['clip'])).toEqual(first)
  })
})
