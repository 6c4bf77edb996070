import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { Backend } from '../backend/backend.ts'
import type { CanaryResult } from '../canary/canary.ts'
import { resolveTimeouts } from '../config/timeouts.ts'
import { jobNames } from '../routing/jobs.ts'
import type { Lease } from '../routing/lease.ts'
import { Canaries } from './canaries.ts'
import { FreezeDetector } from './freeze-detector.ts'

const IMAGE = classified('image', 'clip/visual')
const SEARCH = classified('text', 'clip/textual')
const FAILED: CanaryResult = { kind: 'failed', scope: 'type', reason: 'answered 500' }

/** @param result What canaries find. */
function setUp({ result = FAILED, canary = true, others = 0, probe = undefined as string | undefined } = {}) {
  const clock = new FakeClock()
  const canaries = new Canaries(clock, () => ({ canary, timeouts: () => resolveTimeouts() }))
  const freezes = new FreezeDetector(clock, canaries)
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
  return { clock, freezes, backend, sent, moved, lease, done, settle }
}

describe('an answer that is late', () => {
  it('is asked about again when it is due', () => {
    const { clock, freezes, lease, done } = setUp()
    done()
    clock.advance(1_000)
    expect(freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 1_000)).toBe(9_000)
    expect(freezes.check({ lease: lease(false), classification: IMAGE, headers: {} }, 1_000)).toBe(1_000)
    expect(freezes.check({ lease: lease(false), classification: SEARCH, headers: {} }, 1_000)).toBe(119_000)
  })

  it('shows that a backend is frozen when a canary fails', async () => {
    const { clock, freezes, backend, moved, lease, done, settle } = setUp()
    await settle()
    done()
    clock.advance(10_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 10_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 10_000)
    await settle()
    expect([moved, backend.health.status.ejections]).toEqual([['frozen'], 1])
  })

  it('shows nothing when the canary passes, or others of the kind are answered', async () => {
    const passing = setUp({ result: { kind: 'passed' } })
    await passing.settle()
    passing.done()
    passing.clock.advance(10_000)
    passing.freezes.check({ lease: passing.lease(true), classification: IMAGE, headers: {} }, 10_000)
    await passing.settle()
    expect([passing.moved, passing.sent.length]).toEqual([[], 2])
    const busy = setUp()
    await busy.settle()
    busy.done()
    busy.clock.advance(9_000)
    busy.done()
    busy.clock.advance(1_000)
    busy.freezes.check({ lease: busy.lease(true), classification: IMAGE, headers: {} }, 10_000)
    await busy.settle()
    expect(busy.sent).toEqual([])
  })

  it('waits five times as long on a backend that answers other kinds', async () => {
    const { clock, freezes, sent, lease, done, settle } = setUp()
    await settle()
    done()
    clock.advance(9_000)
    done(SEARCH)
    clock.advance(1_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 10_000)
    await settle()
    expect(sent).toEqual([])
    clock.advance(40_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 50_000)
    await settle()
    expect(sent.length).toBe(2)
  })

  it.each([
    ['a model that may be loading, alone: nothing', { others: 0 }, []],
    ['a model that may be loading, beside another: moved', { others: 1 }, ['frozen']],
  ])('after a failed probe: %s', async (_, options, expected) => {
    const { clock, freezes, moved, lease, settle } = setUp({ probe: 'timeout', ...options })
    await settle()
    clock.advance(120_000)
    freezes.check({ lease: lease(true), classification: IMAGE, headers: {} }, 120_000)
    await settle()
    expect(moved).toEqual(expected)
  })
})
