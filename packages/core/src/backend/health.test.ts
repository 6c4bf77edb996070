import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { answered, answeredWith, clientLeft, failed, passedOver } from '../../../../test/support/outcomes.ts'
import { Breaker } from './breaker.ts'
import { Health, type Verdict, verdictOf } from './health.ts'
import type { Outcome } from './outcome.ts'

/** Without jitter. */
const breakerOn = (clock: FakeClock) => new Breaker(clock, undefined, () => 0.5)

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

  it('begins anew with the shortest ejection once it has been back for as long as the last one', () => {
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
      const breaker = new Breaker(new FakeClock(), undefined, () => random)
      for (let i = 0; i < 3; i++) breaker.fail('connect', breaker.begin())
      return (breaker.state as { until: number }).until
    })
    expect(until).toEqual([4_500, 5_500])
  })
})

describe('what an outcome says of a backend', () => {
  it.each<[Outcome | undefined, Verdict['kind']]>([
    [answered, 'well'],
    [answeredWith(422), 'well'],
    [answeredWith(500), 'task-failed'],
    [passedOver(503), 'task-failed'],
    [passedOver(429), 'busy'],
    [answeredWith(429), 'busy'],
    [passedOver(501), 'lacks'],
    [answeredWith(501), 'lacks'],
    [{ ...passedOver(422), lacksTask: true }, 'lacks'],
    [passedOver(422), 'well'],
    [passedOver(505), 'busy'],
    [failed('stale'), 'nothing'],
    [failed('connect'), 'unreachable'],
    [failed('connect-timeout'), 'unreachable'],
    [failed('response-timeout'), 'task-failed'],
    [failed('reset'), 'task-failed'],
    [failed('total-timeout'), 'nothing'],
    [failed('shutdown'), 'nothing'],
    [clientLeft, 'nothing'],
    [undefined, 'nothing'],
  ])('%j: %s', (outcome, kind) => {
    expect(verdictOf(outcome).kind).toBe(kind)
  })
})

describe('health', () => {
  const available = (health: Health, tasks: string[]) => health.obstacle(tasks) === undefined

  function record(health: Health, tasks: string[], ...outcomes: Outcome[]) {
    for (const outcome of outcomes) health.record(health.begin(tasks), outcome)
  }

  it('is kept by task: a server that fails at OCR goes on serving CLIP', () => {
    const health = new Health(new FakeClock())
    record(health, ['ocr'], answeredWith(500), answeredWith(500), failed('reset'))
    expect([
      available(health, ['ocr']),
      available(health, ['clip']),
      available(health, []),
      available(health, ['clip', 'ocr']),
    ]).toEqual([false, true, true, false])
    expect(health.status.tasks['ocr']).toMatchObject({ kind: 'open', reason: 'reset' })
  })

  it('is of the whole when it cannot be reached', () => {
    const clock = new FakeClock()
    const health = new Health(clock)
    record(health, ['ocr'], failed('connect'), failed('connect'), failed('connect-timeout'))
    expect([available(health, ['ocr']), available(health, ['clip'])]).toEqual([false, false])
    clock.advance(10_000)
    record(health, ['clip'], answered)
    expect([available(health, ['ocr']), health.status]).toEqual([
      true,
      expect.objectContaining({ reachable: expect.objectContaining({ kind: 'recovering' }), tasks: {} }),
    ])
  })

  it('a task whose trial cannot even reach the backend waits for twice as long, and is told of once', () => {
    const clock = new FakeClock()
    const told: string[] = []
    const health = new Health(clock, (change) => {
      if (change.kind === 'breaker') told.push(`${change.task} ${change.from.kind}-${change.to.kind}`)
    })
    record(health, ['clip'], failed('reset'), failed('reset'), failed('reset'))
    clock.advance(6_000)
    record(health, ['clip'], failed('connect'), failed('connect'))
    expect(health.status.tasks['clip']).toMatchObject({ kind: 'open', ejections: 2, reason: 'connect' })
    expect(told).toEqual(['clip closed-open', 'clip open-trial', 'clip trial-open'])
    clock.advance(12_000)
    record(health, ['clip'], clientLeft, answered)
    expect([health.status.ejections, health.status.failures]).toEqual([2, 5])
    expect(told.slice(3)).toEqual(['clip open-trial', 'clip open-trial', 'clip trial-recovering'])
  })

  it('believes for a while that it lacks a task, without a strike', () => {
    const clock = new FakeClock()
    const told: object[] = []
    const health = new Health(clock, (change) => told.push(change))
    record(health, ['ocr'], passedOver(501))
    expect(health.obstacle(['ocr'])).toEqual({ kind: 'lacks', until: 600_000 })
    expect([available(health, ['clip']), available(health, ['clip', 'ocr'])]).toEqual([true, false])
    expect(told).toEqual([{ kind: 'lacks', task: 'ocr', until: 600_000 }])
    clock.advance(600_000)
    expect(available(health, ['ocr'])).toBe(true)
    record(health, ['ocr', 'clip'], passedOver(501))
    expect([available(health, ['ocr']), health.status.tasks]).toEqual([true, {}])
  })

  it('believes it until a request with the task succeeds, and not when it is refused again', () => {
    const health = new Health(new FakeClock())
    record(health, ['ocr'], { ...passedOver(400), lacksTask: true })
    record(health, ['ocr'], answeredWith(400))
    expect(available(health, ['ocr'])).toBe(false)
    record(health, ['ocr'], answered)
    expect(available(health, ['ocr'])).toBe(true)
  })

  it('leaves a busy backend alone for as long as it says', () => {
    const clock = new FakeClock()
    const health = new Health(clock)
    record(health, ['ocr'], { ...passedOver(429), retryAfter: 30_000 })
    expect(health.obstacle(['clip'])).toEqual({ kind: 'busy', until: 30_000 })
    clock.advance(30_000)
    record(health, ['ocr'], passedOver(429))
    expect([available(health, ['clip']), health.status.busyUntil]).toEqual([false, 31_000])
  })

  it('knows since when nothing has failed', () => {
    const clock = new FakeClock()
    const health = new Health(clock)
    expect(health.wellFor(10_000)).toBe(true)
    record(health, ['ocr'], answeredWith(500), answered)
    expect(health.wellFor(10_000)).toBe(false)
    clock.advance(10_000)
    expect([health.wellFor(10_000), health.status.lastError]).toEqual([
      true,
      { time: 0, reason: 'status 500' },
    ])
  })

  it('does not fill the memory with names that clients make up', () => {
    const health = new Health(new FakeClock())
    for (let i = 0; i < 1000; i++) record(health, [`task-${i}`], answeredWith(500))
    expect(Object.keys(health.status.tasks)).toHaveLength(100)
    for (let i = 0; i < 1000; i++) record(health, [`task-${i}`], answered)
    expect(health.status.tasks).toEqual({})
  })
})
