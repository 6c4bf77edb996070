import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../testing/fake-clock.ts'
import { Breaker } from './breaker.ts'

/** Without jitter. */
const breakerOn = (clock: FakeClock) => new Breaker(clock, { random: () => 0.5 })

describe('the breaker', () => {
  it('opens at the third failure in a row, and not before', () => {
    const breaker = breakerOn(new FakeClock())
    breaker.fail('reset', breaker.begin())
    breaker.fail('reset', breaker.begin())
    breaker.succeed(breaker.begin())
    breaker.fail('reset', breaker.begin())
    breaker.fail('reset', breaker.begin())
    expect(breaker.state).toEqual({ kind: 'closed', failures: 2 })
    breaker.fail('connect', breaker.begin())
    expect(breaker.state).toEqual({ kind: 'open', since: 0, until: 5_000, ejections: 1, reason: 'connect' })
    expect(breaker.available).toBe(false)
  })

  it('lets one request try when its time is over, and stays open for twice as long if that fails, up to 5 min', () => {
    const clock = new FakeClock()
    const breaker = breakerOn(clock)
    for (let i = 0; i < 3; i++) breaker.fail('connect', breaker.begin())
    const times: number[] = []
    for (let i = 0; i < 8; i++) {
      const { until } = breaker.state as { until: number }
      times.push((until - clock.now()) / 1000)
      clock.advance(until - clock.now() - 1)
      expect([breaker.available, breaker.begin().trial]).toEqual([false, false])
      clock.advance(1)
      expect(breaker.available).toBe(true)
      const trial = breaker.begin()
      const other = breaker.begin()
      expect([trial.trial, breaker.available, other.trial]).toEqual([true, false, false])
      breaker.fail('connect', other)
      expect(breaker.state.kind).toBe('trial')
      breaker.fail('connect', trial)
    }
    expect(times).toEqual([5, 10, 20, 40, 80, 160, 300, 300])
    clock.advance(300_000)
    breaker.succeed(breaker.begin())
    expect(breaker.state).toMatchObject({ kind: 'recovering', limit: 2 })
  })

  it('starts again with the shortest ejection after a healthy period as long as the last ejection', () => {
    const clock = new FakeClock()
    const breaker = breakerOn(clock)
    const failFor = (back: number) => {
      clock.advance(back)
      for (let i = 0; i < 3; i++) breaker.fail('connect', breaker.begin())
      const { ejections, until } = breaker.state as { ejections: number; until: number }
      clock.advance(until - clock.now())
      // One is answered, and no more come.
      breaker.succeed(breaker.begin())
      return ejections
    }
    expect([0, 4_999, 9_999, 20_000, 4_999].map(failFor)).toEqual([1, 2, 3, 1, 2])
  })

  it('learns nothing from a request that began before the ejection', () => {
    const breaker = breakerOn(new FakeClock())
    const early = breaker.begin()
    for (let i = 0; i < 3; i++) breaker.fail('connect', breaker.begin())
    breaker.succeed(early)
    expect(breaker.state.kind).toBe('open')
  })

  it('starts slowly behind its trial: one more at once with each success, until it counts as back', () => {
    const clock = new FakeClock()
    const breaker = breakerOn(clock)
    const run = () => {
      const begun = breaker.begin()
      return { begun, end: () => breaker.end() }
    }
    for (let i = 0; i < 3; i++) {
      breaker.fail('connect', breaker.begin())
      breaker.end()
    }
    clock.advance(5_000)
    const limits: number[] = []
    while (breaker.state.kind !== 'closed') {
      const runs = []
      while (breaker.available) runs.push(run())
      limits.push(runs.length)
      for (const { end } of runs) end()
      breaker.succeed(breaker.begin())
      breaker.end()
    }
    expect(limits).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('is slower again when it fails while it starts, and ejected for longer when it goes on failing', () => {
    const clock = new FakeClock()
    const breaker = breakerOn(clock)
    breaker.startSlowly()
    for (let i = 0; i < 4; i++) breaker.succeed(breaker.begin())
    expect(breaker.state).toMatchObject({ kind: 'recovering', limit: 5 })
    breaker.fail('reset', breaker.begin())
    expect(breaker.state).toMatchObject({ kind: 'recovering', limit: 2, failures: 1 })
    breaker.fail('reset', breaker.begin())
    breaker.fail('reset', breaker.begin())
    expect(breaker.state).toMatchObject({ kind: 'open', ejections: 1 })
    breaker.startSlowly()
    expect(breaker.state.kind).toBe('open')
  })

  it('gives the trial to the next request when its client leaves', () => {
    const clock = new FakeClock()
    const breaker = breakerOn(clock)
    for (let i = 0; i < 3; i++) breaker.fail('connect', breaker.begin())
    clock.advance(5_000)
    breaker.begin()
    breaker.abandon()
    expect([breaker.available, breaker.begin().trial]).toEqual([true, true])
  })

  it('jitters', () => {
    const until = [0, 1].map((random) => {
      const breaker = new Breaker(new FakeClock(), { random: () => random })
      for (let i = 0; i < 3; i++) breaker.fail('connect', breaker.begin())
      return (breaker.state as { until: number }).until
    })
    expect(until).toEqual([4_500, 5_500])
  })
})

describe('a breaker for which requests wait', () => {
  it('lets a trial through after two seconds, however long the ejection is', () => {
    const clock = new FakeClock()
    let isHurried = false
    const breaker = new Breaker(clock, { random: () => 0.5, isHurried: () => isHurried })
    for (let i = 0; i < 3; i++) breaker.fail('connect', breaker.begin())
    clock.advance(2_000)
    expect(breaker.available).toBe(false)
    isHurried = true
    expect([breaker.available, breaker.availableAt]).toEqual([true, 2_000])
    breaker.fail('connect', breaker.begin())
    clock.advance(1_999)
    expect([breaker.available, breaker.availableAt]).toEqual([false, 4_000])
    clock.advance(1)
    expect(breaker.available).toBe(true)
  })
})
