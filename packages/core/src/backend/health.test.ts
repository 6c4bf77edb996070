import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { Breaker } from './breaker.ts'
import { Health, type Verdict, verdictOf } from './health.ts'
import type { FailureCause, Outcome } from './outcome.ts'

const answered = (status: number): Outcome => ({
  kind: 'answered',
  status,
  reachedBackend: true,
  reachedClient: true,
})
const passedOver = (status: number): Outcome => ({
  kind: 'passed-over',
  status,
  reachedBackend: true,
  reachedClient: false,
})
const failed = (cause: FailureCause, reachedBackend = true): Outcome => ({
  kind: 'failed',
  cause,
  error: new Error(cause),
  reachedBackend,
  reachedClient: false,
})
const left: Outcome = { kind: 'client-left', reachedBackend: true, reachedClient: false }

/** Without jitter. */
const breakerOn = (clock: FakeClock) => new Breaker(clock, undefined, () => 0.5)

describe('the breaker', () => {
  it('opens at the third failure in a row, and not before', () => {
    const breaker = breakerOn(new FakeClock())
    breaker.fail('reset', false)
    breaker.fail('reset', false)
    breaker.succeed()
    breaker.fail('reset', false)
    breaker.fail('reset', false)
    expect(breaker.state).toEqual({ kind: 'closed', failures: 2 })
    breaker.fail('connect', false)
    expect(breaker.state).toEqual({ kind: 'open', since: 0, until: 5_000, ejections: 1, reason: 'connect' })
    expect(breaker.available).toBe(false)
  })

  it('lets one request try when its time is over, and stays open for twice as long if that fails, up to 5 min', () => {
    const clock = new FakeClock()
    const breaker = breakerOn(clock)
    for (let i = 0; i < 3; i++) breaker.fail('connect', false)
    const times: number[] = []
    for (let i = 0; i < 8; i++) {
      const { until } = breaker.state as { until: number }
      times.push((until - clock.now()) / 1000)
      clock.advance(until - clock.now() - 1)
      expect([breaker.available, breaker.begin()]).toEqual([false, false])
      clock.advance(1)
      expect([breaker.available, breaker.begin()]).toEqual([true, true])
      expect([breaker.available, breaker.begin()]).toEqual([false, false])
      breaker.fail('connect', false)
      expect(breaker.state.kind).toBe('trial')
      breaker.fail('connect', true)
    }
    expect(times).toEqual([5, 10, 20, 40, 80, 160, 300, 300])
    clock.advance(300_000)
    breaker.begin()
    breaker.succeed()
    expect(breaker.state).toEqual({ kind: 'closed', failures: 0 })
  })

  it('gives the trial to the next request when its client leaves', () => {
    const clock = new FakeClock()
    const breaker = breakerOn(clock)
    for (let i = 0; i < 3; i++) breaker.fail('connect', false)
    clock.advance(5_000)
    breaker.begin()
    breaker.abandon()
    expect([breaker.available, breaker.begin()]).toEqual([true, true])
  })

  it('jitters', () => {
    const until = [0, 1].map((random) => {
      const breaker = new Breaker(new FakeClock(), undefined, () => random)
      for (let i = 0; i < 3; i++) breaker.fail('connect', false)
      return (breaker.state as { until: number }).until
    })
    expect(until).toEqual([4_500, 5_500])
  })
})

describe('what an outcome says of a backend', () => {
  it.each<[Outcome | undefined, Verdict['kind']]>([
    [answered(200), 'well'],
    [answered(422), 'well'],
    [answered(500), 'task-failed'],
    [passedOver(503), 'task-failed'],
    [passedOver(429), 'nothing'],
    [passedOver(501), 'nothing'],
    [failed('connect', false), 'unreachable'],
    [failed('connect-timeout', false), 'unreachable'],
    [failed('response-timeout'), 'task-failed'],
    [failed('reset'), 'task-failed'],
    [failed('total-timeout'), 'nothing'],
    [failed('shutdown'), 'nothing'],
    [left, 'nothing'],
    [undefined, 'nothing'],
  ])('%j: %s', (outcome, kind) => {
    expect(verdictOf(outcome).kind).toBe(kind)
  })
})

describe('health', () => {
  function record(health: Health, tasks: string[], ...outcomes: Outcome[]) {
    for (const outcome of outcomes) health.record(health.begin(tasks), outcome)
  }

  it('is kept by task: a server that fails at OCR goes on serving CLIP', () => {
    const health = new Health(new FakeClock())
    record(health, ['ocr'], answered(500), answered(500), failed('reset'))
    expect([
      health.available(['ocr']),
      health.available(['clip']),
      health.available([]),
      health.available(['clip', 'ocr']),
    ]).toEqual([false, true, true, false])
    expect(health.status.tasks['ocr']).toMatchObject({ kind: 'open', reason: 'reset' })
  })

  it('is of the whole when it cannot be reached', () => {
    const clock = new FakeClock()
    const health = new Health(clock)
    record(
      health,
      ['ocr'],
      failed('connect', false),
      failed('connect', false),
      failed('connect-timeout', false),
    )
    expect([health.available(['ocr']), health.available(['clip'])]).toEqual([false, false])
    clock.advance(10_000)
    record(health, ['clip'], answered(200))
    expect([health.available(['ocr']), health.status]).toEqual([
      true,
      { reachable: { kind: 'closed', failures: 0 }, tasks: {} },
    ])
  })

  it('a task whose trial cannot even reach the backend waits for twice as long, and is told of once', () => {
    const clock = new FakeClock()
    const told: string[] = []
    const health = new Health(clock, ({ task, from, to }) => told.push(`${task} ${from.kind}-${to.kind}`))
    record(health, ['clip'], failed('reset'), failed('reset'), failed('reset'))
    clock.advance(6_000)
    record(health, ['clip'], failed('connect', false), failed('connect', false))
    expect(health.status.tasks['clip']).toMatchObject({ kind: 'open', ejections: 2, reason: 'connect' })
    expect(told).toEqual(['clip closed-open', 'clip open-trial', 'clip trial-open'])
    clock.advance(12_000)
    record(health, ['clip'], left, answered(200))
    expect(told.slice(3)).toEqual(['clip open-trial', 'clip open-trial', 'clip trial-closed'])
  })

  it('does not fill the memory with names that clients make up', () => {
    const health = new Health(new FakeClock())
    for (let i = 0; i < 1000; i++) record(health, [`task-${i}`], answered(500))
    expect(Object.keys(health.status.tasks)).toHaveLength(100)
    for (let i = 0; i < 1000; i++) record(health, [`task-${i}`], answered(200))
    expect(health.status.tasks).toEqual({})
  })
})
