import type { Backend } from '../backend/backend.ts'
import { leastBy } from './least-by.ts'
import type { Job, Strategy } from './strategy.ts'

/**
 * The backend that will be done first, as far as is known: by what is ahead of the request there and by how long such a
 * job takes there, divided by its weight. One that is full may be worth waiting for: the last images of an import do not
 * go to a NAS that would finish after the GPU has done them all.
 */
export function peakEwma(): Strategy {
  return {
    waits: true,
    pick: (candidates, job) => leastBy(candidates, (backend) => completion(backend, job)),
  }
}

/** When the request would be done, in milliseconds from now. */
function completion(backend: Backend, { kind, queued }: Job): number {
  const { inFlight, limit, weight } = backend
  const latency = backend.expected(kind)
  // One request finds out, and others go where it is known; where it is known nowhere, to the one with the fewest.
  if (latency === undefined) return inFlight === 0 ? 0 : UNKNOWN + inFlight
  const wait = Number.isFinite(limit) ? untilSlot(backend, queued * latency) : backend.ahead
  return (wait + latency) / weight
}

/**
 * How long it takes until a slot is free.
 *
 * @param queued How long those take who wait for one already.
 */
function untilSlot(backend: Backend, queued: number): number {
  if (backend.inFlight < backend.limit) return 0
  const jobs = backend.running.map(({ elapsed, expected }) => ({
    stuck: elapsed > STUCK * expected,
    // What has run for longer than such a job takes may well run for as long again.
    left: elapsed < expected ? expected - elapsed : elapsed,
  }))
  // Slots that are stuck are none.
  const going = jobs.filter(({ stuck }) => !stuck)
  if (going.length === 0) return Math.min(...jobs.map(({ left }) => left))
  return (going.reduce((sum, { left }) => sum + left, 0) + queued) / going.length
}

/** What has run for so many times as long as such a job takes is stuck. */
const STUCK = 3
/** Longer than anything that is known. */
const UNKNOWN = 1e12
