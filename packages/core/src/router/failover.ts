import { type Backend, idOf } from '../backend/backend.ts'
import { describeOutcome, type Outcome } from '../backend/outcome.ts'
import { RouterClosedError, RouterError } from '../errors.ts'
import type { Lease } from '../policy/lease.ts'
import type { AttemptRecord } from './attempt-record.ts'

/** What a lease says of further attempts. */
type Leeway = Pick<Lease, 'retries' | 'left' | 'holds'> & { readonly backend: Pick<Backend, 'leaving'> }

/** What comes after an attempt: nothing, the same backend once more, or a backend of the route. */
export type Step = 'stop' | 'same' | 'another'

/**
 * The failover rule. Inference is a pure function of the request, so sending it twice is safe; what has reached the
 * client is final; and a request that has killed two backends in a row is not fed to a third.
 *
 * Where requests wait for a backend, only attempts count on which a backend has worked: one that was away may be tried
 * again when it is back.
 *
 * @param attempts Those made, in the order in which they ended.
 * @param retained Whether the body can be sent once more.
 * @param copies How many of the last attempts were copies that were under way at once.
 */
export function nextStep(
  attempts: readonly AttemptRecord[],
  lease: Leeway,
  retained: boolean,
  copies = 1,
): Step {
  const last = attempts.at(-1)?.outcome
  if (last === undefined || !retained || !canBeTriedAgain(last) || isPoison(attempts, copies)) return 'stop'
  if (isStale(last) && !isStale(attempts.at(-2)?.outcome) && !lease.backend.leaving) return 'same'
  const counted = attempts.filter(({ outcome }) => (lease.holds ? hasWorked(outcome) : !isStale(outcome)))
  const { exclude } = triedBackends(attempts, lease)
  return counted.length <= lease.retries && lease.left(exclude) > 0 ? 'another' : 'stop'
}

/** The servers that must not, and those that should not get the request again. */
export function triedBackends(
  attempts: readonly AttemptRecord[],
  { holds }: Pick<Lease, 'holds'>,
): { exclude: readonly string[]; avoid: readonly string[] } {
  if (!holds) return { exclude: idsOf(attempts), avoid: [] }
  return { exclude: idsOf(attempts.filter(({ outcome }) => hasAnswered(outcome))), avoid: idsOf(attempts) }
}

/** What the backends, or their endpoints, are excluded by. */
export function idsOf(attempts: readonly AttemptRecord[]): string[] {
  return attempts.map(({ backend, url, endpoint }) => idOf({ name: backend, url, endpoint }))
}

function canBeTriedAgain(outcome: Outcome): boolean {
  // Dropped or not, a client error is an answer.
  if (outcome.kind === 'passed-over')
    return outcome.status >= 500 || outcome.status === 429 || outcome.lacksTask === true
  if (outcome.kind !== 'failed' || outcome.reachedClient) return false
  return outcome.cause !== 'shutdown' && outcome.cause !== 'total-timeout'
}

/** Statuses by which a proxy in front of a backend says that it is away, or the backend that it has no time. */
const AWAY: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Whether the backend has said that it cannot do it: asking it once more will not help. */
function hasAnswered(outcome: Outcome): boolean {
  if (outcome.kind === 'passed-over') return !AWAY.has(outcome.status)
  return outcome.kind === 'failed' && outcome.cause === 'protocol'
}

/** Whether the backend may have worked on it, as opposed to having been away. */
function hasWorked(outcome: Outcome): boolean {
  if (outcome.kind === 'passed-over') return hasAnswered(outcome)
  return outcome.reachedBackend && !isStale(outcome)
}

function isStale(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'failed' && outcome.cause === 'stale'
}

/**
 * Two in a row, or three where it is not sure that it was this request: a backend that dies takes all with it. Two that die
 * while they have it at once are sure.
 */
function isPoison(attempts: readonly AttemptRecord[], copies: number): boolean {
  const inARow = attempts.length - 1 - attempts.findLastIndex(({ outcome }) => !killedBackend(outcome))
  const alone = attempts.slice(-2).every(({ inCompany }) => !inCompany)
  return inARow >= (alone || copies > 1 ? 2 : 3)
}

/** The backend had the request, and its connection broke before it had answered. */
function killedBackend(outcome: Outcome): boolean {
  return outcome.kind === 'failed' && outcome.cause === 'reset' && outcome.reachedBackend
}

/**
 * Whether another attempt costs the retry budget nothing. A storm feeds on backends that fail: a backend on which nothing
 * has failed of late is no part of it, nor is one that is waited for. The trial of a backend that may be back must not
 * cost its request, and where no connection was made, no backend has worked in vain.
 */
export function isFree(
  outcome: Outcome | undefined,
  lease: Pick<Lease, 'trial' | 'holds' | 'provenOther'>,
): boolean {
  if (lease.trial || lease.holds) return true
  return (outcome?.kind === 'failed' && !outcome.reachedBackend) || lease.provenOther()
}

/** What a client is to be told when no attempt reached it; nothing, when it is gone. */
export function failureOf(attempts: readonly AttemptRecord[], outOfBudget = false): Error | undefined {
  const last = attempts.at(-1)?.outcome
  if (last?.kind === 'body-failed') return last.error
  if (last?.kind !== 'failed' && last?.kind !== 'passed-over') return undefined
  const cause = last.kind === 'failed' ? { cause: last.error } : {}
  if (last.kind === 'failed' && last.cause === 'shutdown') return new RouterClosedError(last.error)
  const rest = outOfBudget ? '; others were not tried, since too many requests were tried again of late' : ''
  const causes = attempts
    .map((attempt) => `${nameOf(attempt)} ${describeOutcome(attempt.outcome)}`)
    .join(', ')
  const timedOut = attempts.every(
    ({ outcome }) => outcome.kind === 'failed' && outcome.cause.endsWith('timeout'),
  )
  return timedOut
    ? new RouterError('backend-timeout', `No backend answered in time: ${causes}${rest}.`, cause)
    : new RouterError('backend-failed', `No backend could answer: ${causes}${rest}.`, cause)
}

function nameOf({ backend, endpoint }: AttemptRecord): string {
  return endpoint === undefined ? `"${backend}"` : `"${backend}" at ${endpoint}`
}
