import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { Backend } from '../backend/backend.ts'
import type { CanaryResult } from '../canary/canary.ts'
import { unclassified } from '../classify/classification.ts'
import { resolveTimeouts } from '../config/timeouts.ts'
import { jobNames } from '../routing/jobs.ts'
import type { Lease } from '../routing/lease.ts'
import { Canaries } from './canaries.ts'

const IMAGE = classified('image', 'clip/visual')
const FAILED: CanaryResult = { kind: 'failed', scope: 'type', reason: 'answered 500' }

/** @param result What canaries find. */
function setUp({ result = FAILED, canary = true, others = 0, probe = undefined as string | undefined } = {}) {
  const clock = new FakeClock()
  const canaries = new Canaries(clock, () => ({ canary, timeouts: () => resolveTimeouts() }))
  const check = { path: '/ping', interval: 10_000, timeout: 2_000, rise: 1, fall: 3 }
  const backend = new Backend('gpu', { url: 'http://gpu', weight: 1, clock, check })
  const sent: number[] = []
  const sender = canaries.sender(async (_, __, { body }, { timeout }) => {
    sent.push(timeout, body.length)
    return result
  })
  backend.health.canary.start((job, signal) => sender(backend, job, signal))
  backend.health.checker.start(async () => probe)
  const moved: string[] = []
  backend.target.enter({ backendGone: (cause) => moved.push(cause) })
  const lease = (bulk: boolean): Lease =>
    ({ backend, bulk, timeouts: resolveTimeouts(), usableOthers: () => Array(others).fill(backend) }) as never
  const done = (classification = IMAGE) => backend.latency.observe(jobNames(classification).kind, 10)
  const settle = () => new Promise((resolve) => setTimeout(resolve, 10))
  return { clock, canaries, backend, sent, moved, lease, done, settle }
}

describe('a canary', () => {
  it('blames a backend only for entries that some backend has answered well', async () => {
    const { canaries, backend } = setUp()
    expect(await canaries.check(backend, IMAGE, {}).result).toEqual({ ...FAILED, scope: 'entries' })
    canaries.answeredWell(IMAGE, () => undefined)
    expect(await canaries.check(backend, IMAGE, {}).result).toEqual(FAILED)
  })

  it('is not sent when they are off, for an unknown job, or for one without a payload', async () => {
    const off = setUp({ canary: false })
    expect(await off.canaries.check(off.backend, IMAGE, {}).result).toEqual({ kind: 'unknown' })
    const { canaries, backend, sent } = setUp()
    expect(await canaries.check(backend, unclassified('no-entries'), {}).result).toEqual({ kind: 'unknown' })
    expect(await canaries.check(backend, { ...IMAGE, input: undefined }, {}).result).toEqual({
      kind: 'unknown',
    })
    expect([off.sent, sent]).toEqual([[], []])
  })

  it('repeats a sample, which is asked for once a minute', async () => {
    const { clock, canaries, backend, sent } = setUp()
    let asked = 0
    const sample = () => {
      asked++
      return undefined
    }
    canaries.answeredWell(IMAGE, sample)
    canaries.answeredWell(IMAGE, () => ({ body: Buffer.from('x'), contentType: 'text/plain' }))
    canaries.answeredWell(IMAGE, sample)
    expect(asked).toBe(1)
    clock.advance(60_000)
    canaries.answeredWell(IMAGE, sample)
    expect(asked).toBe(2)
    await canaries.check(backend, IMAGE, {}).result
    // Without a job done there lately, it may have to load the model.
    expect(sent[0]).toBe(120_000)
  })
})
