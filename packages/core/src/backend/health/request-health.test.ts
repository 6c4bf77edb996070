import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../../test/support/fake-clock.ts'
import { keysOf, keysOfSize } from '../../../../../test/support/job-keys.ts'
import {
  answered,
  answeredWith,
  clientLeft,
  failed,
  passedOver,
} from '../../../../../test/support/outcomes.ts'
import type { Outcome } from '../outcome.ts'
import { Breaker } from './breaker.ts'
import { type Evidence, evidenceOf } from './evidence.ts'
import { RequestHealth } from './request-health.ts'

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

describe('what an outcome says about a backend', () => {
  it.each<[Outcome | undefined, Evidence['kind']]>([
    [answered, 'good'],
    [answeredWith(503), 'type-failed'],
    [passedOver(503), 'type-failed'],
    [passedOver(503, '', { 'retry-after': '3' }), 'busy'],
    [passedOver(429), 'busy'],
    [answeredWith(429), 'busy'],
    [passedOver(501), 'lacks'],
    [passedOver(422, '{"detail":"unknown task"}'), 'lacks'],
    [passedOver(401), 'backend-failed'],
    [passedOver(302), 'backend-failed'],
    [passedOver(200, '<html>'), 'backend-failed'],
    [passedOver(413), 'too-large'],
    [passedOver(500), 'nothing'],
    [passedOver(422, '{"detail":"Invalid request format."}'), 'nothing'],
    [failed('stale'), 'nothing'],
    [failed('connect'), 'unreachable'],
    [failed('connect-timeout'), 'unreachable'],
    [failed('response-timeout'), 'type-failed'],
    [failed('reset'), 'type-failed'],
    [failed('total-timeout'), 'nothing'],
    [failed('shutdown'), 'nothing'],
    [clientLeft, 'nothing'],
    [undefined, 'nothing'],
  ])('%j: %s', (outcome, kind) => {
    expect(evidenceOf(outcome).kind).toBe(kind)
  })
})

const OCR = keysOf('ocr/detection')
const SEARCH = keysOf('clip/textual')
const IMAGE = keysOf('clip/visual')

describe('health', () => {
  const available = (health: RequestHealth, job = OCR) => health.obstacle(job) === undefined

  function record(health: RequestHealth, job: typeof OCR, ...outcomes: Outcome[]) {
    for (const outcome of outcomes) health.record(health.begin(job), outcome)
  }

  it('is kept by task and type: a server that fails at images goes on serving searches', () => {
    const health = new RequestHealth(new FakeClock())
    record(health, IMAGE, passedOver(502), passedOver(503), failed('reset'))
    expect(
      [IMAGE, SEARCH, keysOf(), keysOf('clip/textual', 'clip/visual')].map((job) => available(health, job)),
    ).toEqual([false, true, true, false])
    expect(health.status.tasks['clip/visual']).toMatchObject({ kind: 'open', reason: 'reset' })
  })

  it('is of the whole when it cannot be reached', () => {
    const clock = new FakeClock()
    const health = new RequestHealth(clock)
    record(health, OCR, failed('connect'), failed('connect'), failed('connect-timeout'))
    expect([available(health), available(health, SEARCH), health.unreachable]).toEqual([false, false, true])
    clock.advance(10_000)
    record(health, SEARCH, answered)
    expect([available(health), health.status]).toEqual([
      true,
      expect.objectContaining({ reachable: expect.objectContaining({ kind: 'recovering' }), tasks: {} }),
    ])
  })

  it('is of the whole when a login page answers, and then it is not taken for asleep', () => {
    const health = new RequestHealth(new FakeClock())
    record(health, OCR, passedOver(401), passedOver(401), passedOver(200, '<html>'))
    expect([available(health, SEARCH), health.unreachable]).toEqual([false, false])
    expect(health.status.reachable).toMatchObject({
      kind: 'open',
      reason: expect.stringContaining('login page'),
    })
  })

  it('takes only a good answer for evidence of health', () => {
    const clock = new FakeClock()
    const health = new RequestHealth(clock)
    record(
      health,
      OCR,
      failed('connect'),
      failed('connect'),
      passedOver(422, '{"detail":"no"}'),
      failed('connect'),
    )
    expect(health.status.reachable.kind).toBe('open')
    clock.advance(10_000)
    record(health, OCR, passedOver(503))
    expect(health.status.reachable.kind).toBe('open')
    record(health, OCR, answered)
    expect(health.status.reachable.kind).toBe('recovering')
  })

  it('a type whose trial cannot even reach the backend waits for twice as long, and is told of once', () => {
    const clock = new FakeClock()
    const told: string[] = []
    const health = new RequestHealth(clock, (change) => {
      if (change.kind === 'breaker') told.push(`${change.task} ${change.from.kind}-${change.to.kind}`)
    })
    record(health, IMAGE, failed('reset'), failed('reset'), failed('reset'))
    clock.advance(6_000)
    record(health, IMAGE, failed('connect'), failed('connect'))
    expect(health.status.tasks['clip/visual']).toMatchObject({
      kind: 'open',
      ejections: 2,
      reason: 'connect',
    })
    expect(told).toEqual(['clip/visual closed-open', 'clip/visual open-trial', 'clip/visual trial-open'])
    clock.advance(12_000)
    record(health, IMAGE, clientLeft, answered)
    expect([health.status.ejections, health.status.failures]).toEqual([2, 5])
    expect(told.slice(3)).toEqual([
      'clip/visual open-trial',
      'clip/visual open-trial',
      'clip/visual trial-recovering',
    ])
  })

  it('believes for a while that it lacks a task and type, without a strike', () => {
    const clock = new FakeClock()
    const told: object[] = []
    const health = new RequestHealth(clock, (change) => told.push(change))
    record(health, IMAGE, passedOver(501))
    expect(health.obstacle(IMAGE)).toEqual({ kind: 'lacks', until: 600_000 })
    expect([available(health, SEARCH), available(health, keysOf('clip/textual', 'clip/visual'))]).toEqual([
      true,
      false,
    ])
    expect(told).toEqual([{ kind: 'lacks', task: 'clip/visual', until: 600_000 }])
    clock.advance(600_000)
    expect(available(health, IMAGE)).toBe(true)
    record(health, keysOf('ocr/detection', 'clip/visual'), passedOver(501))
    expect([available(health), health.status.tasks]).toEqual([true, {}])
  })

  it('believes that it lacks one model, and serves others of the same type', () => {
    const health = new RequestHealth(new FakeClock())
    const other = { ...IMAGE, models: ['clip/visual/other'] }
    record(health, IMAGE, passedOver(404, '{"detail":"model not found"}'))
    expect([available(health, IMAGE), available(health, other)]).toEqual([false, true])
  })

  it('believes it until such a request succeeds', () => {
    const health = new RequestHealth(new FakeClock())
    record(health, OCR, passedOver(400, '{"detail":"unknown task"}'))
    expect(health.capabilities.refuses(OCR)).toBe(true)
    record(health, OCR, answered)
    expect(available(health)).toBe(true)
    record(health, OCR, passedOver(400, '{"detail":"unknown task"}'))
    expect([available(health), health.capabilities.refuses(OCR)]).toEqual([false, false])
  })

  it('remembers which size a proxy in front of it refuses', () => {
    const health = new RequestHealth(new FakeClock())
    record(health, keysOfSize(2_000_000, 'clip/visual'), passedOver(413))
    const at = (size: number) => available(health, keysOfSize(size, 'clip/visual'))
    expect([at(1_999_999), at(2_000_000), health.capabilities.sizeLimit]).toEqual([true, false, 2_000_000])
  })

  it('says nothing of a 500 until a second opinion has decided', () => {
    const health = new RequestHealth(new FakeClock())
    for (const isBlamed of [true, false, true, true]) {
      const ticket = health.begin(OCR)
      expect(health.record(ticket, passedOver(500)).kind).toBe('nothing')
      const failures = health.failures
      health.decide(ticket, passedOver(500), isBlamed)
      expect(health.failures - failures).toBe(isBlamed ? 1 : 0)
    }
    expect(health.status.tasks['ocr/detection']?.kind).toBe('open')
  })

  it('ends the trial of a type with a 500, before a second opinion has decided', () => {
    const clock = new FakeClock()
    const health = new RequestHealth(clock)
    record(health, IMAGE, passedOver(503), passedOver(503), passedOver(503))
    clock.advance(6_000)
    const ticket = health.begin(IMAGE)
    health.record(ticket, passedOver(500))
    expect(health.status.tasks['clip/visual']).toMatchObject({ kind: 'open', ejections: 2 })
    clock.advance(12_000)
    const next = health.begin(IMAGE)
    expect(next.passes.some(({ trial }) => trial)).toBe(true)
    // What is decided of the first must not end the trial of the second.
    health.decide(ticket, passedOver(500), false)
    expect(health.status.tasks['clip/visual']?.kind).toBe('trial')
  })

  it('leaves the trial of a whole backend to the next request when it answers 500', () => {
    const clock = new FakeClock()
    const health = new RequestHealth(clock)
    record(health, IMAGE, failed('connect'), failed('connect'), failed('connect'))
    clock.advance(6_000)
    health.record(health.begin(IMAGE), passedOver(500))
    expect([health.status.reachable.kind, available(health, IMAGE)]).toEqual(['open', true])
  })

  it('learns from a refusal that another did not share that it lacks this very job, and nothing else', () => {
    const health = new RequestHealth(new FakeClock())
    const refusal = passedOver(422, '{"detail":"Invalid request format."}')
    const ticket = health.begin(OCR)
    health.record(ticket, refusal)
    health.decide(ticket, refusal, true)
    const other = { ...OCR, exact: () => 'other options' }
    expect([available(health), available(health, other), health.failures]).toEqual([false, true, 0])
  })

  it('leaves a busy backend alone for as long as it says', () => {
    const clock = new FakeClock()
    const health = new RequestHealth(clock)
    record(health, OCR, passedOver(429, '', { 'retry-after': '30' }))
    expect(health.obstacle(SEARCH)).toEqual({ kind: 'busy', until: 30_000 })
    clock.advance(30_000)
    record(health, OCR, passedOver(429))
    expect([available(health, SEARCH), health.status.busyUntil]).toEqual([false, 31_000])
  })

  it('knows since when nothing has failed', () => {
    const clock = new FakeClock()
    const health = new RequestHealth(clock)
    expect(health.wellFor(10_000)).toBe(true)
    record(health, OCR, passedOver(503), answered)
    expect(health.wellFor(10_000)).toBe(false)
    clock.advance(10_000)
    expect([health.wellFor(10_000), health.status.lastError]).toEqual([
      true,
      { time: 0, reason: 'answered 503 Service Unavailable' },
    ])
  })

  it('does not fill the memory with names that clients make up', () => {
    const health = new RequestHealth(new FakeClock())
    for (let i = 0; i < 1000; i++) record(health, keysOf(`task-${i}/x`), passedOver(503))
    expect(Object.keys(health.status.tasks)).toHaveLength(100)
    for (let i = 0; i < 1000; i++) record(health, keysOf(`task-${i}/x`), answered)
    expect(health.status.tasks).toEqual({})
  })
})
