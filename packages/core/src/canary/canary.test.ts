import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { Canary, type CanaryResult } from './canary.ts'
import type { CanaryJob } from './canary-job.ts'

const JOB: CanaryJob = { key: 'clip/visual/a', exact: 'exact a', entries: [], input: 'image', headers: {} }
const OTHER: CanaryJob = { ...JOB, exact: 'exact b' }
const PASSED: CanaryResult = { kind: 'passed' }
const FAILED: CanaryResult = { kind: 'failed', scope: 'type', reason: 'answered 500' }

/** Lets what has resolved go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

function setUp() {
  const clock = new FakeClock()
  const sent: { job: CanaryJob; signal: AbortSignal; end: (result: CanaryResult) => void }[] = []
  const canary = new Canary(clock)
  canary.start((job, signal) => {
    const { promise, resolve } = Promise.withResolvers<CanaryResult>()
    sent.push({ job, signal, end: resolve })
    return promise
  })
  return { clock, canary, sent }
}

describe('the canary of a backend', () => {
  it('judges all that failed before it began, and what failed since by the next', async () => {
    const { canary, sent } = setUp()
    const first = canary.check(JOB).result
    await settle()
    expect(sent.length).toBe(1)
    const second = canary.check(JOB).result
    const third = canary.check(JOB).result
    sent[0]?.end(PASSED)
    expect(await first).toEqual(PASSED)
    await settle()
    expect(sent.length).toBe(2)
    sent[1]?.end(FAILED)
    expect(await Promise.all([second, third])).toEqual([FAILED, FAILED])
    expect(sent.length).toBe(2)
  })

  it('checks jobs with other entries one after the other', async () => {
    const { canary, sent } = setUp()
    const [one, other] = [canary.check(JOB).result, canary.check(OTHER).result]
    await settle()
    expect(sent.map(({ job }) => job)).toEqual([JOB])
    sent[0]?.end(PASSED)
    await settle()
    expect(sent.map(({ job }) => job)).toEqual([JOB, OTHER])
    sent[1]?.end(FAILED)
    expect(await Promise.all([one, other])).toEqual([PASSED, FAILED])
    expect(canary.counts).toEqual({ passed: 1, failed: 1 })
  })

  it('asks for a pause once it has taken more than a fifth of the time of its backend, of 10 s at most', async () => {
    const { clock, canary, sent } = setUp()
    const run = async (milliseconds: number) => {
      const { result } = canary.check(JOB)
      await settle()
      clock.shift(milliseconds)
      sent.pop()?.end(PASSED)
      await result
      return canary.pause
    }
    expect(await run(1_500)).toBe(0)
    // 0.7 s were taken too much: 2 s at once and a fifth of 1.5 s are less than 3 s.
    expect(await run(1_500)).toBeCloseTo(3_500)
    clock.advance(3_500)
    expect(canary.pause).toBe(0)
    expect(await run(120_000)).toBe(10_000)
  })

  it('is cancelled when no request waits for it any more', async () => {
    const { canary, sent } = setUp()
    const [one, same, other] = [canary.check(JOB), canary.check(JOB), canary.check(OTHER)]
    await settle()
    one.leave()
    one.leave()
    other.leave()
    expect(sent[0]?.signal.aborted).toBe(true)
    sent[0]?.end(FAILED)
    expect(await Promise.all([one.result, other.result])).toEqual([{ kind: 'unknown' }, { kind: 'unknown' }])
    await settle()
    expect(sent.length).toBe(2)
    sent[1]?.end(PASSED)
    expect(await same.result).toEqual(PASSED)
  })

  it('says nothing before it is started, and when sending has a bug', async () => {
    const canary = new Canary(new FakeClock())
    expect(await canary.check(JOB).result).toEqual({ kind: 'unknown' })
    canary.start(() => Promise.reject(new TypeError('a bug')))
    expect(await canary.check(JOB).result).toEqual({ kind: 'unknown' })
  })

  it('says nothing once it has stopped, whatever runs or waits', async () => {
    const { clock, canary, sent } = setUp()
    const running = canary.check(JOB).result
    const waiting = canary.check(JOB).result
    await settle()
    canary.stop()
    expect(sent[0]?.signal.aborted).toBe(true)
    sent[0]?.end(FAILED)
    expect(await Promise.all([running, waiting, canary.check(OTHER).result])).toEqual(
      Array(3).fill({ kind: 'unknown' }),
    )
    expect([sent.length, clock.pending]).toEqual([1, 0])
  })
})
