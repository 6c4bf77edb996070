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
  const { inFlight, limit, weight, ahead } = backend
  const latency = backend.expected(kind)
  // One request finds out, and others go where it is known; where it is known nowhere, to the one with the fewest.
  if (latency === undefined) return inFlight === 0 ? 0 : UNKNOWN + inFlight
  const slots = Number.isFinite(limit) ? limit : 1
  const wait = inFlight < slots ? 0 : (ahead + (inFlight < limit ? 0 : queued * latency)) / slots
  return (wait + latency) / weight
}

/** Longer than anything that is known. */
const UNKNOWN = 1e12
