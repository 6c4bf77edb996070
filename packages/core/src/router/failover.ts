import type { Outcome } from '../backend/outcome.ts'
import { RouterError } from '../errors.ts'
import type { Lease } from '../policy/select-backend.ts'

/** One attempt that is over. */
export interface AttemptRecord {
  /** Name of the backend. */
  readonly backend: string
  readonly outcome: Outcome
  /** How long it took, in milliseconds. */
  readonly time: number
}

/** What a lease says of further attempts. */
type Leeway = Pick<Lease, 'retries' | 'others'>

/** Whether, with so many attempts made, the route has another one and another backend for it. */
export function attemptsLeft(made: number, { retries, others }: Leeway): boolean {
  return made <= retries && others > 0
}

/**
 * The failover rule. Inference is a pure function of the request, so sending it twice is safe; what has reached the
 * client is final; and a request that has killed two backends in a row is not fed to a third.
 *
 * @param attempts Those made, oldest first.
 * @param retained Whether the body can be sent once more.
 */
export function mayTryAnother(attempts: readonly AttemptRecord[], lease: Leeway, retained: boolean): boolean {
  const outcome = attempts.at(-1)?.outcome
  if (outcome === undefined || !attemptsLeft(attempts.length, lease) || !retained) return false
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

/**
 * Whether another attempt costs the retry budget nothing: one that was passed over has paid already, the trial of a
 * backend that may be back must not cost its request, and where no connection was made, no backend has worked in vain.
 */
export function isFree(outcome: Outcome | undefined, trial: boolean): boolean {
  return trial || outcome?.kind === 'passed-over' || (outcome?.kind === 'failed' && !outcome.reachedBackend)
}

/** What a client is to be told when no attempt reached it; nothing, when it is gone. */
export function failureOf(attempts: readonly AttemptRecord[], outOfBudget = false): Error | undefined {
  const last = attempts.at(-1)?.outcome
  if (last?.kind === 'body-failed') return last.error
  if (last?.kind !== 'failed') return undefined
  if (last.cause === 'shutdown')
    return new RouterError('router-closed', 'The router is shutting down.', { cause: last.error })
  const rest = outOfBudget ? '; others were not tried, since too many requests were tried again of late' : ''
  const causes = attempts.map(({ backend, outcome }) => `"${backend}" ${describe(outcome)}`).join(', ')
  const timedOut = attempts.every(
    ({ outcome }) => outcome.kind === 'failed' && outcome.cause.endsWith('timeout'),
  )
  return timedOut
    ? new RouterError('backend-timeout', `No backend answered in time: ${causes}${rest}.`, {
        cause: last.error,
      })
    : new RouterError('backend-failed', `No backend could answer: ${causes}${rest}.`, { cause: last.error })
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'failed') return `failed (${outcome.cause})`
  return outcome.kind === 'passed-over' ? `answered ${outcome.status}` : outcome.kind
}
