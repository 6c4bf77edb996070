import { describe, expect, it } from 'vitest'
import { keysOf } from '../../../../../test/support/job-keys.ts'
import { answered, failed, superseded } from '../../../../../test/support/outcomes.ts'
import { defaults } from '../../config/defaults.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { Backend } from '../backend.ts'
import type { Outcome } from '../outcome.ts'
import { LatencyTracker } from './latency-tracker.ts'

function book() {
  const clock = new FakeClock()
  const latencies = new LatencyTracker(clock)
  const observe = (...times: number[]) => {
    for (const time of times) {
      clock.advance(10)
      latencies.observe('image', time)
    }
  }
  return { clock, latencies, observe, expected: () => Math.round(latencies.expected('image') ?? Number.NaN) }
}

describe('how long a job takes', () => {
  it('is not known before one has been done', () => {
    expect(book().latencies.expected('image')).toBeUndefined()
  })

  it('is the mean of the last ones', () => {
    const { observe, expected } = book()
    observe(80, 120, 100, 90, 110)
    expect(expected()).toBe(100)
    observe(...Array<number>(100).fill(150))
    expect(expected()).toBe(150)
  })

  it('counts a peak at once, and halves it with each job that is none', () => {
    const { observe, expected } = book()
    observe(100, 100, 100, 500)
    expect(expected()).toBe(500)
    observe(100)
    expect(expected()).toBeLessThan(350)
    observe(100, 100, 100, 100, 100)
    expect(expected()).toBeLessThan(170)
  })

  it('is not what the first took, when that had to load its model', () => {
    const { clock, latencies, observe, expected } = book()
    observe(2_000)
    expect(expected()).toBe(2_000)
    clock.advance(defaults.latencyDecay + 1)
    expect(latencies.expected('image')).toBeUndefined()
    observe(20, 20, 20)
    expect(expected()).toBeLessThan(600)
    observe(...Array<number>(10).fill(20))
    expect(expected()).toBeLessThan(30)
    clock.advance(600_000)
    observe(2_000)
    expect(expected()).toBe(2_000)
    observe(20, 20, 20, 20, 20)
    expect(expected()).toBeLessThan(200)
  })

  it('says how long ago a job was done', () => {
    const { clock, latencies, observe } = book()
    expect(latencies.sinceDone('image')).toBeUndefined()
    observe(100)
    clock.advance(80)
    observe(100)
    expect([latencies.sinceDone('image'), latencies.sinceDone('other')]).toEqual([0, 90])
  })

  it('forgets a peak with time, so that who is avoided is tried again', () => {
    const { clock, observe, expected } = book()
    observe(...Array<number>(16).fill(100), 1_700)
    expect(expected()).toBe(1_700)
    clock.advance(defaults.latencyDecay)
    expect(expected()).toBeLessThan(800)
    clock.advance(60_000)
    expect(expected()).toBeLessThan(205)
  })

  it('counts a failure as slow, at least', () => {
    const { latencies, observe, expected } = book()
    latencies.observeFailure('image', 5)
    expect(expected()).toBe(defaults.failureLatency)
    observe(...Array<number>(20).fill(3_000))
    latencies.observeFailure('image', 5)
    expect(expected()).toBe(6_000)
  })

  it('counts many failures at once as one', () => {
    const { latencies, observe, expected } = book()
    observe(...Array<number>(20).fill(60))
    for (const _ of upTo(50)) latencies.observeFailure('image', 5)
    expect(expected()).toBe(defaults.failureLatency)
  })

  it('forgets how slow failures were, and what has only ever failed', () => {
    const { latencies, observe, expected } = book()
    latencies.observeFailure('image', 5)
    latencies.forgetPeaks()
    expect(latencies.expected('image')).toBeUndefined()
    observe(...Array<number>(20).fill(60))
    latencies.observeFailure('image', 5)
    latencies.forgetPeaks()
    expect(expected()).toBe(60)
  })

  it('that has not been done for long is what the first one since says', () => {
    const { clock, observe, expected } = book()
    observe(...Array<number>(16).fill(100))
    clock.advance(100_000)
    observe(50)
    expect(expected()).toBe(50)
  })
})

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1)

describe('the percentile of a kind of job', () => {
  it('is not known until there are twenty', () => {
    const { latencies } = book()
    for (const time of upTo(19)) latencies.observe('search', time)
    expect(latencies.percentile('search', 50)).toBeUndefined()
    latencies.observe('search', 20)
    expect(latencies.percentile('search', 50)).toBe(10)
    expect(latencies.percentile('ocr', 50)).toBeUndefined()
  })

  it.each([
    [50, 50],
    [90, 90],
    [95, 95],
    [99, 99],
  ])('p%i of 1 to 100, in whatever order they came, is %i', (percent, expected) => {
    const { latencies } = book()
    for (const i of upTo(100)) latencies.observe('search', ((i * 37) % 100) + 1)
    expect(latencies.percentile('search', percent)).toBe(expected)
  })

  it('is of the last hundred: what was before is forgotten', () => {
    const { latencies } = book()
    for (const _ of upTo(500)) latencies.observe('search', 10_000)
    for (const _ of upTo(95)) latencies.observe('search', 20)
    expect(latencies.percentile('search', 95)).toBe(20)
    expect(latencies.percentile('search', 96)).toBe(10_000)
    for (const _ of upTo(5)) latencies.observe('search', 20)
    expect(latencies.percentile('search', 99)).toBe(20)
  })

  it('is kept for two hundred kinds', () => {
    const { latencies } = book()
    for (const _ of upTo(20)) latencies.observe('old', 5)
    for (const i of upTo(199)) latencies.observe(`kind ${i}`, 1)
    expect(latencies.percentile('old', 95)).toBe(5)
    latencies.observe('new', 1)
    expect(latencies.percentile('old', 95)).toBeUndefined()
  })

  it('is of jobs that were done: a failure, quick or slow, is none', () => {
    const { latencies } = book()
    for (const time of upTo(20)) latencies.observe('search', time)
    for (const _ of upTo(50)) latencies.observeFailure('search', 60_000)
    expect(latencies.percentile('search', 95)).toBe(19)
  })
})

describe('a copy that another was quicker than', () => {
  function backend() {
    const clock = new FakeClock()
    const gpu = new Backend('gpu', { url: 'http://gpu', weight: 1, clock })
    const run = (time: number, outcome: Outcome) => {
      const slot = gpu.reserve(keysOf('clip/visual'), 'search')
      clock.advance(time)
      slot.release(outcome)
    }
    return { gpu, run }
  }

  it('is no strike, and gives its slot back', () => {
    const { gpu, run } = backend()
    for (const _ of upTo(10)) run(300, superseded)
    expect(gpu.health.status).toMatchObject({
      failures: 0,
      tasks: {},
      reachable: { kind: 'closed', failures: 0 },
    })
    expect([gpu.inFlight, gpu.health.obstacle(keysOf('clip/visual'))]).toEqual([0, undefined])
  })

  it('took at least so long, which counts when others took less', () => {
    const { gpu, run } = backend()
    const learned = () => [
      gpu.latency.expected('search'),
      gpu.latency.percentile('search', 50),
      gpu.latency.percentile('search', 95),
    ]
    run(5, superseded)
    expect(gpu.latency.expected('search')).toBeUndefined()
    for (const _ of upTo(20)) run(100, answered)
    for (const _ of upTo(20)) run(5, superseded)
    expect(learned()).toEqual([100, 100, 100])
    for (const _ of upTo(10)) run(400, superseded)
    expect(learned()).toEqual([400, 100, 400])
  })

  it('as the trial of a backend that was ejected has found out nothing: the next request is the trial', () => {
    const { gpu, run } = backend()
    for (const _ of upTo(3)) run(1, failed('reset'))
    expect(gpu.health.obstacle(keysOf('clip/visual'))?.kind).toBe('ejected')
    run(6_000, superseded)
    const slot = gpu.reserve(keysOf('clip/visual'), 'search')
    expect(slot.trial).toBe(true)
    slot.release(superseded)
    expect(gpu.reserve(keysOf('clip/visual'), 'search').trial).toBe(true)
  })
})

describe('a backend that dies with many requests', () => {
  it('is as quick as before when it is back', () => {
    const clock = new FakeClock()
    const gpu = new Backend('gpu', { url: 'http://gpu', weight: 1, clock, maxConcurrent: 50 })
    for (const _ of upTo(20)) {
      const slot = gpu.reserve(keysOf('clip/visual'), 'image')
      clock.advance(60)
      slot.release(answered)
    }
    const running = upTo(40).map(() => gpu.reserve(keysOf('clip/visual'), 'image'))
    clock.advance(20)
    for (const slot of running) slot.release(failed('reset'))
    expect([gpu.health.obstacle(keysOf('clip/visual'))?.kind, gpu.latency.expected('image')]).toEqual([
      'ejected',
      60,
    ])
  })

  it('takes off what a job has waited inside, but for percentiles', () => {
    const { latencies } = book()
    for (let i = 0; i < 20; i++) latencies.observe('image', 200, 2)
    expect([latencies.expected('image'), latencies.percentile('image', 95)]).toEqual([100, 200])
  })

  it('has an average of all kinds', () => {
    const { latencies } = book()
    expect(latencies.average).toBeUndefined()
    latencies.observeFailure('ocr', 10)
    expect(latencies.average).toBeUndefined()
    latencies.observe('image', 100)
    latencies.observe('faces', 300)
    expect(latencies.average).toBe(200)
  })
})
