import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { Budget } from './budget.ts'

describe('a budget', () => {
  const RETRIES = { share: 0.2, window: 10_000, least: 3 }
  const HEDGES = { share: 0.05, window: 10_000, least: 0 }

  it('always allows the least, such as three in ten seconds', () => {
    const clock = new FakeClock()
    const budget = new Budget(clock, RETRIES)
    expect(Array.from({ length: 5 }, () => budget.take())).toEqual([true, true, true, false, false])
    clock.advance(9_000)
    expect(budget.take()).toBe(false)
    clock.advance(1_000)
    expect(budget.take()).toBe(true)
  })

  it.each([
    [RETRIES, 200],
    [HEDGES, 50],
  ])('allows a share of the traffic: %j', (limits, share) => {
    const clock = new FakeClock()
    const budget = new Budget(clock, limits)
    let allowed = 0
    for (let i = 0; i < 1000; i++) {
      clock.advance(5)
      budget.count()
      if (budget.take()) allowed++
    }
    expect(allowed).toBe(share)
  })

  it('spends the share of what came lately, and not of what came once', () => {
    const clock = new FakeClock()
    const budget = new Budget(clock, HEDGES)
    for (let i = 0; i < 1000; i++) budget.count()
    clock.advance(10_000)
    for (let i = 0; i < 40; i++) budget.count()
    expect(Array.from({ length: 4 }, () => budget.take())).toEqual([true, true, false, false])
  })

  it.each([1, 100, 3_000, 60_000])(
    'with a request every %i ms, is never above its share but for the first',
    (pause) => {
      const clock = new FakeClock()
      const budget = new Budget(clock, HEDGES)
      const taken: number[] = []
      for (let request = 1; request <= 400; request++) {
        clock.advance(pause)
        budget.count()
        if (budget.take()) taken.push(request)
        expect(taken.length).toBeLessThanOrEqual(Math.ceil(request * HEDGES.share))
      }
      expect(taken[0]).toBe(1)
      // Of thin traffic, one of twenty: what was saved up is one at most.
      if (pause >= 1_000) expect(taken).toEqual(Array.from({ length: 20 }, (_, i) => 1 + i * 20))
    },
  )

  it('says whether it allows one, and takes none by that', () => {
    const budget = new Budget(new FakeClock(), HEDGES)
    expect([budget.allows, budget.allows, budget.take(), budget.allows]).toEqual([true, true, true, false])
  })
})
