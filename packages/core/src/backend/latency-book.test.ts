import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { defaults } from '../defaults.ts'
import { LatencyBook } from './latency-book.ts'

function book() {
  const clock = new FakeClock()
  const latencies = new LatencyBook(clock)
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

  it('that has not been done for long is what the first one since says', () => {
    const { clock, observe, expected } = book()
    observe(...Array<number>(16).fill(100))
    clock.advance(100_000)
    observe(50)
    expect(expected()).toBe(50)
  })
})
