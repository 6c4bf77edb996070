import { describe, expect, it } from 'vitest'
import { canaryPool, IMAGE } from '../../../../test/support/canary-pool.ts'
import { classified } from '../../../../test/support/classifications.ts'

const SEARCH = classified('text', 'clip/textual')

describe('an answer that is late', () => {
  it('is asked about again when it is due', () => {
    const { clock, freezes, lease, done } = canaryPool()
    done()
    clock.advance(1_000)
    expect(freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 1_000)).toBe(9_000)
    expect(freezes.check({ lease: lease(false), classification: IMAGE, headers: {} }, 1_000)).toBe(1_000)
    expect(freezes.check({ lease: lease(false), classification: SEARCH, headers: {} }, 1_000)).toBe(119_000)
  })

  it('shows that a backend is frozen when a canary fails', async () => {
    const { clock, freezes, backend, moved, lease, done, settle } = canaryPool()
    await settle()
    done()
    clock.advance(10_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 10_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 10_000)
    await settle()
    expect([moved, backend.health.status.ejections]).toEqual([['frozen'], 1])
  })

  it('shows nothing when the canary passes, or others of the kind are answered', async () => {
    const passing = canaryPool({ result: { kind: 'passed' } })
    await passing.settle()
    passing.done()
    passing.clock.advance(10_000)
    passing.freezes.check({ lease: passing.lease(true), classification: IMAGE, headers: {} }, 10_000)
    await passing.settle()
    expect([passing.moved, passing.sent.length]).toEqual([[], 2])
    const busy = canaryPool()
    await busy.settle()
    busy.done()
    busy.clock.advance(9_000)
    busy.done()
    busy.clock.advance(1_000)
    busy.freezes.check({ lease: busy.lease(true), classification: IMAGE, headers: {} }, 10_000)
    await busy.settle()
    expect(busy.sent).toEqual([])
  })

  it('waits five times as long on a backend that answers other kinds', async () => {
    const { clock, freezes, sent, lease, done, settle } = canaryPool()
    await settle()
    done()
    clock.advance(9_000)
    done(SEARCH)
    clock.advance(1_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 10_000)
    await settle()
    expect(sent).toEqual([])
    clock.advance(40_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 50_000)
    await settle()
    expect(sent.length).toBe(2)
  })

  it.each([
    ['a model that may be loading, alone: nothing', { others: 0 }, []],
    ['a model that may be loading, beside another: moved', { others: 1 }, ['frozen']],
  ])('after a failed probe: %s', async (_, options, expected) => {
    const { clock, freezes, moved, lease, settle } = canaryPool({ probe: 'timeout', ...options })
    await settle()
    clock.advance(120_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 120_000)
    await settle()
    expect(moved).toEqual(expected)
  })
})
