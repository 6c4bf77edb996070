import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { Canary, type CanaryResult } from './canary.ts'
import type { CanaryJob } from './canary-job.ts'

const JOB: CanaryJob = { key: 'clip/visual/a', exact: 'exact a', entries: [], input: 'image' }
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
    const first = canary.check(JOB)
    await settle()
    expect(sent.length).toBe(1)
    const second = canary.check(JOB)
    const third = canary.check(JOB)
    sent[0]?.end(PASSED)
    expect(await first).toEqual(PASSED)
    await settle()
    expect(sent.length).toBe(2)
    sent[1]?.end(FAILED)
    expect(await Promise.all([second, third])).toEqual([FAILED, FAILED])
    expect(sent.length).toBe(2)
  })

  it('judges jobs with other entries apart', async () => {
    const { canary, sent } = setUp()
    const [one, other] = [canary.check(JOB), canary.check(OTHER)]
    await settle()
    expect(sent.map(({ job }) => job)).toEqual([JOB, OTHER])
    sent[0]?.end(PASSED)
    sent[1]?.end(FAILED)
    expect(await Promise.all([one, other])).toEqual([PASSED, FAILED])
    expect(canary.counts).toEqual({ passed: 1, failed: 1 })
  })

  it('takes at most a fifth of the time of its backend, after two seconds at once', async () => {
    const { clock, canary, sent } = setUp()
    const run = async (milliseconds: number) => {
      const verdict = canary.check(JOB)
      await settle()
      if (sent.length === 0) return verdict
      clock.shift(milliseconds)
      sent.pop()?.end(PASSED)
      return verdict
    }
    await run(1_500)
    await run(1_500)
    const late = canary.check(JOB)
    await settle()
    expect(sent.length).toBe(0)
    // 0.7 s were taken too much: 2 s at once and a fifth of 1.5 s are less than 3 s.
    clock.advance(3_499)
    await settle()
    expect(sent.length).toBe(0)
    clock.advance(2)
    await settle()
    expect(sent.length).toBe(1)
    sent.pop()?.end(PASSED)
    expect(await late).toEqual(PASSED)
  })

  it('says nothing before it is started, and when sending has a bug', async () => {
    const canary = new Canary(new FakeClock())
    expect(await canary.check(JOB)).toEqual({ kind: 'unknown' })
    canary.start(() => Promise.reject(new TypeError('a bug')))
    expect(await canary.check(JOB)).toEqual({ kind: 'unknown' })
  })

  it('says nothing once it has stopped, whatever runs or waits', async () => {
    const { clock, canary, sent } = setUp()
    const running = canary.check(JOB)
    const waiting = canary.check(JOB)
    await settle()
    canary.stop()
    expect(sent[0]?.signal.aborted).toBe(true)
    sent[0]?.end(FAILED)
    expect(await Promise.all([running, waiting, canary.check(OTHER)])).toEqual(
      Array(3).fill({ kind: 'unknown' }),
    )
    expect([sent.length, clock.pending]).toEqual([1, 0])
  })
})
