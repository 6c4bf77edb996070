import type { Outcome } from '../backend/outcome.ts'

/** One attempt that is over. */
export interface AttemptRecord {
  /** Name of the backend. */
  readonly backend: string
  readonly outcome: Outcome
  /** How long it took, in milliseconds. */
  readonly time: number
}

/** What decides whether another backend is tried. */
export interface Situation {
  /** Those made, oldest first. */
  readonly attempts: readonly AttemptRecord[]
  /** How many may be made in all. */
  readonly most: number
  /** Backends of the route that have not been tried. */
  readonly others: number
  /** Whether the body can be sent once more. */
  readonly retained: boolean
}

/**
 * The failover rule. Inference is a pure function of the request, so sending it twice is safe; what has reached the
 * client is final; and a request that has killed two backends in a row is not fed to a third.
 */
export function mayTryAnother({ attempts, most, others, retained }: Situation): boolean {
  const outcome = attempts.at(-1)?.outcome
  if (outcome === undefined || attempts.length >= most || others === 0 || !retained) return false
  if (outcome.kind === 'passed-over') return true
  if (outcome.kind !== 'failed' || outcome.cause === 'shutdown') return false
  return !outcome.reachedClient && !isPoison(attempts)
}

function isPoison(attempts: readonly AttemptRecord[]): boolean {
  return attempts.length >= 2 && attempts.slice(-2).every(({ outcome }) => killedBackend(outcome))
}

/** The backend had the request, and its connection broke before it had answered. */
function killedBackend(outcome: Outcome): boolean {
  return outcome.kind === 'failed' && outcome.cause === 'reset' && outcome.reachedBackend
}
