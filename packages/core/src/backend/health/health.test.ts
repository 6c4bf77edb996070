import { describe, expect, it } from 'vitest'
import { keysOf, keysOfSize } from '../../../../../test/support/job-keys.ts'
import { answered, clientLeft, failed, passedOver } from '../../../../../test/support/outcomes.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import type { Outcome } from '../outcome.ts'
import { evidenceOf } from './evidence.ts'
import { Health } from './health.ts'
import type { HealthChange } from './health-view.ts'

const OCR = keysOf('ocr/detection')
const SEARCH = keysOf('clip/textual')
const IMAGE = keysOf('clip/visual')

describe('health', () => {
  const available = (health: Health, job = OCR) => health.obstacle(job) === undefined

  function start(clock: FakeClock, onChange: (change: HealthChange) => void = () => {}) {
    return new Health({
      clock,
      check: undefined,
      enabled: true,
      hasSlot: () => true,
      onChange,
      onRelief: () => {},
      onGone: () => {},
    })
  }

  function record(health: Health, job: typeof OCR, ...outcomes: Outcome[]) {
    for (const outcome of outcomes) health.end(health.begin(job), evidenceOf(outcome))
  }

  /** What an undecided outcome says once it is decided that the backend is at fault. */
  function blameOf(outcome: Outcome) {
    const evidence = evidenceOf(outcome)
    if (evidence.kind !== 'undecided') throw new TypeError(`it is ${evidence.kind}`)
    return evidence.blame
  }

  it('is kept by task and type: a server that fails at images goes on serving searches', () => {
    const health = start(new FakeClock())
    record(health, IMAGE, passedOver(502), passedOver(503), failed('reset'))
    expect(
      [IMAGE, SEARCH, keysOf(), keysOf('clip/textual', 'clip/visual')].map((job) => available(health, job)),
    ).toEqual([false, true, true, false])
    expect(health.status.tasks['clip/visual']).toMatchObject({ kind: 'open', reason: 'reset' })
  })

  it('is of the whole when it cannot be reached', () => {
    const clock = new FakeClock()
    const health = start(clock)
    record(health, OCR, failed('connect'), failed('connect'), failed('connect-timeout'))
    expect([available(health), available(health, SEARCH), health.isDown]).toEqual([false, false, true])
    clock.advance(10_000)
    record(health, SEARCH, answered)
    expect([available(health), health.status]).toEqual([
      true,
      expect.objectContaining({ reachable: expect.objectContaining({ kind: 'recovering' }), tasks: {} }),
    ])
  })

  it('is of the whole when a login page answers, and then it is not taken for asleep', () => {
    const health = start(new FakeClock())
    record(health, OCR, passedOver(401), passedOver(401), passedOver(200, '<html>'))
    expect([available(health, SEARCH), health.isDown]).toEqual([false, false])
    expect(health.status.reachable).toMatchObject({
      kind: 'open',
      reason: expect.stringContaining('login page'),
    })
  })

  it('takes only a good answer for evidence of health', () => {
    const clock = new FakeClock()
    const health = start(clock)
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
    const health = start(clock, (change) => {
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
    const health = start(clock, (change) => told.push(change))
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
    const health = start(new FakeClock())
    const other = { ...IMAGE, models: ['clip/visual/other'] }
    record(health, IMAGE, passedOver(404, '{"detail":"model not found"}'))
    expect([available(health, IMAGE), available(health, other)]).toEqual([false, true])
  })

  it('believes it until such a request succeeds', () => {
    const health = start(new FakeClock())
    record(health, OCR, passedOver(400, '{"detail":"unknown task"}'))
    expect(health.capabilities.refuses(OCR)).toBe(true)
    record(health, OCR, answered)
    expect(available(health)).toBe(true)
    record(health, OCR, passedOver(400, '{"detail":"unknown task"}'))
    expect([available(health), health.capabilities.refuses(OCR)]).toEqual([false, false])
  })

  it('remembers which size a proxy in front of it refuses', () => {
    const health = start(new FakeClock())
    record(health, keysOfSize(2_000_000, 'clip/visual'), passedOver(413))
    const at = (size: number) => available(health, keysOfSize(size, 'clip/visual'))
    expect([at(1_999_999), at(2_000_000), health.capabilities.sizeLimit]).toEqual([true, false, 2_000_000])
  })

  it('says nothing of a 500 until a second opinion has decided', () => {
    const health = start(new FakeClock())
    for (const isBlamed of [true, false, true, true]) {
      const ticket = health.begin(OCR)
      const { failures } = health
      health.end(ticket, evidenceOf(passedOver(500)))
      expect(health.failures - failures).toBe(0)
      if (isBlamed) health.learn(ticket, blameOf(passedOver(500)))
      expect(health.failures - failures).toBe(isBlamed ? 1 : 0)
    }
    expect(health.status.tasks['ocr/detection']?.kind).toBe('open')
  })

  it('ends the trial of a type with a 500, before a second opinion has decided', () => {
    const clock = new FakeClock()
    const health = start(clock)
    record(health, IMAGE, passedOver(503), passedOver(503), passedOver(503))
    clock.advance(6_000)
    const ticket = health.begin(IMAGE)
    health.end(ticket, evidenceOf(passedOver(500)))
    expect(health.status.tasks['clip/visual']).toMatchObject({ kind: 'open', ejections: 2 })
    clock.advance(12_000)
    expect(health.begin(IMAGE).trial).toBe(true)
  })

  it('leaves the trial of a whole backend to the next request when it answers 500', () => {
    const clock = new FakeClock()
    const health = start(clock)
    record(health, IMAGE, failed('connect'), failed('connect'), failed('connect'))
    clock.advance(6_000)
    record(health, IMAGE, passedOver(500))
    expect([health.status.reachable.kind, available(health, IMAGE)]).toEqual(['open', true])
  })

  it('learns from a refusal that another did not share that it lacks this very job, and nothing else', () => {
    const health = start(new FakeClock())
    const refusal = passedOver(422, '{"detail":"Invalid request format."}')
    const ticket = health.begin(OCR)
    health.end(ticket, evidenceOf(refusal))
    health.learn(ticket, blameOf(refusal))
    const other = { ...OCR, exact: () => 'other options' }
    expect([available(health), available(health, other), health.failures]).toEqual([false, true, 0])
  })

  it('leaves a busy backend alone for as long as it says', () => {
    const clock = new FakeClock()
    const health = start(clock)
    record(health, OCR, passedOver(429, '', { 'retry-after': '30' }))
    expect(health.obstacle(SEARCH)).toEqual({ kind: 'busy', until: 30_000 })
    clock.advance(30_000)
    record(health, OCR, passedOver(429))
    expect([available(health, SEARCH), health.status.busyUntil]).toEqual([false, 31_000])
  })

  it('knows since when nothing has failed', () => {
    const clock = new FakeClock()
    const health = start(clock)
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
    const health = start(new FakeClock())
    for (let i = 0; i < 1000; i++) record(health, keysOf(`task-${i}/x`), passedOver(503))
    expect(Object.keys(health.status.tasks)).toHaveLength(100)
    for (let i = 0; i < 1000; i++) record(health, keysOf(`task-${i}/x`), answered)
    expect(health.status.tasks).toEqual({})
  })

  it('keeps the one slot of a recovering backend from an upload that has not arrived', () => {
    const clock = new FakeClock()
    const health = start(clock)
    const upload = { ...IMAGE, isReady: () => false }
    expect(available(health, upload)).toBe(true)
    record(health, IMAGE, failed('connect'), failed('connect'), failed('connect'))
    clock.advance(10_000)
    expect([available(health), health.obstacle(upload)?.kind]).toEqual([true, 'recovering'])
  })
})
