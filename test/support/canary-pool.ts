import { FakeClock } from '@immich-ml-router/core/testing'
import { Backend } from '../../packages/core/src/backend/backend.ts'
import type { CanaryResult } from '../../packages/core/src/canary/canary.ts'
import { resolveTimeouts } from '../../packages/core/src/config/timeouts.ts'
import { Canaries } from '../../packages/core/src/router/canaries.ts'
import { FreezeDetector } from '../../packages/core/src/router/freeze-detector.ts'
import { jobNames } from '../../packages/core/src/routing/jobs.ts'
import type { Lease } from '../../packages/core/src/routing/lease.ts'
import { classified } from './classifications.ts'

export const IMAGE = classified('image', 'clip/visual')
export const FAILED: CanaryResult = { kind: 'failed', scope: 'type', reason: 'answered 500' }

/** A backend with canaries on a fake clock. @param result What canaries find. */
export function canaryPool({
  result = FAILED,
  canary = true,
  others = 0,
  probe = undefined as string | undefined,
} = {}) {
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
  return { clock, canaries, freezes, backend, sent, moved, lease, done, settle }
}
