import type { Backend } from '../backend/backend.ts'
import { idOf } from '../backend/backend-view.ts'
import type { Outcome } from '../backend/outcome.ts'
import { isProven } from '../routing/assess.ts'
import type { Lease } from '../routing/lease.ts'
import type { AttemptRecord } from './attempt-record.ts'

/** What a lease knows about further attempts. */
export type Leeway = Pick<
  Lease,
  'retries' | 'left' | 'usableOthers' | 'isRefusedByAll' | 'isCredible' | 'holds' | 'bulk'
> & { readonly backend: { readonly target: Pick<Backend['target'], 'isLeaving'> } }

/** What follows an attempt. */
export type Step =
  /** Nothing: the client has its answer, or has left. */
  | { readonly kind: 'stop' }
  /** The same backend, at once: the connection was stale. */
  | { readonly kind: 'same' }
  /** Another attempt, on a candidate that is not excluded; those to avoid are the last choice. Both are backend ids. */
  | { readonly kind: 'another'; readonly exclude: readonly string[]; readonly avoid: readonly string[] }
  /** Back to the queue or on hold, with every candidate allowed again. */
  | { readonly kind: 'next-round' }
  /** The client gets the best answer so far. `isConfirmed`: the job is at fault, not a backend. */
  | { readonly kind: 'answer'; readonly isConfirmed: boolean }

const STOP: Step = { kind: 'stop' }
const ANSWER: Step = { kind: 'answer', isConfirmed: false }

/**
 * The retry rule. Inference is a pure function of the request, so sending it twice is safe; what has reached the client is
 * final. A bulk job that may be held is answered with a failure only when the failure is its own: two candidates reported it,
 * or the only usable one did twice, or every candidate refuses such jobs. Any other failure is retried.
 *
 * @param round The attempts since every candidate was last allowed, in the order in which they ended.
 * @param retained Whether the body can be sent again.
 * @param parallel How many of the last attempts ran in parallel.
 */
export function nextStep(
  round: readonly AttemptRecord[],
  lease: Leeway,
  retained: boolean,
  parallel = 1,
): Step {
  const last = round.at(-1)?.outcome
  if (last === undefined || isOver(last)) return STOP
  if (isJobsFault(last)) return { kind: 'answer', isConfirmed: true }
  if (!retained) return ANSWER
  if (isStale(last) && !isStale(round.at(-2)?.outcome) && !lease.backend.target.isLeaving)
    return { kind: 'same' }
  return lease.holds ? whereHeld(round, lease, parallel) : whereNotHeld(round, lease, parallel)
}

function whereHeld(round: readonly AttemptRecord[], lease: Leeway, parallel: number): Step {
  const against = round.filter(({ outcome }) => isAgainstJob(outcome))
  if (isConfirmed(against)) return { kind: 'answer', isConfirmed: true }
  if (lease.isRefusedByAll(idsOf(round.filter(({ outcome }) => refuses(outcome))))) return ANSWER
  const step = another(round)
  const others = lease.usableOthers(step.avoid).length
  if (
    against.length > 0 &&
    isAgainstJob(round.at(-1)?.outcome) &&
    lease.usableOthers(idsOf(against)).length === 0
  ) {
    // No second opinion is available: a 500 is retried once, a refusal of the request would only be repeated.
    const mayRepeat = against.length === 1 && against.every(({ outcome }) => isFault(outcome))
    if (mayRepeat) return { ...step, exclude: [] }
    return lease.isCredible() || !lease.bulk ? ANSWER : { kind: 'next-round' }
  }
  const isSpent = killsBackends(round, parallel) || worked(round) > lease.retries || endedByTotal(round)
  if (isSpent && !lease.bulk) return ANSWER
  return isSpent || others === 0 ? { kind: 'next-round' } : step
}

function whereNotHeld(round: readonly AttemptRecord[], lease: Leeway, parallel: number): Step {
  const against = round.filter(({ outcome }) => isAgainstJob(outcome))
  if (isConfirmed(against)) return { kind: 'answer', isConfirmed: true }
  if (killsBackends(round, parallel) || endedByTotal(round)) return ANSWER
  const counted = round.filter(({ outcome }) => !isMove(outcome))
  const exclude = idsOf(round)
  return counted.length <= lease.retries && lease.left(exclude) > 0
    ? { kind: 'another', exclude, avoid: [] }
    : ANSWER
}

/** A backend that has answered does not get the request again in this round; one that was unreachable may. */
function another(round: readonly AttemptRecord[]): Extract<Step, { kind: 'another' }> {
  return {
    kind: 'another',
    exclude: idsOf(round.filter(({ outcome }) => hasAnswered(outcome))),
    avoid: idsOf(round),
  }
}

/** Ids of the backends or endpoints of these attempts. */
export function idsOf(attempts: readonly AttemptRecord[]): string[] {
  return attempts.map(({ backend, url, endpoint }) => idOf({ name: backend, url, endpoint }))
}

/** Whether nothing can follow: the answer has reached the client, or the client has left. */
function isOver(outcome: Outcome): boolean {
  if (outcome.reachedClient) return true
  if (outcome.kind === 'failed') return outcome.cause === 'shutdown'
  return outcome.kind !== 'passed-over'
}

/** A backend that passes a canary says so. */
function isJobsFault(outcome: Outcome): boolean {
  return outcome.kind === 'failed'
    ? outcome.cause === 'poison'
    : outcome.kind === 'passed-over' && outcome.verdict.kind === 'job'
}

/** Two candidates report that the job is at fault. */
function isConfirmed(against: readonly AttemptRecord[]): boolean {
  return new Set(idsOf(against)).size > 1
}

function isAgainstJob(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'passed-over' && outcome.verdict.kind === 'undecided'
}

/** Whether the backend may be at fault: a 500, as opposed to a refusal of the request. */
function isFault(outcome: Outcome): boolean {
  return (
    outcome.kind === 'passed-over' &&
    outcome.verdict.kind === 'undecided' &&
    outcome.verdict.otherwise === 'fault'
  )
}

/** Whether the backend refuses such jobs. */
function refuses(outcome: Outcome): boolean {
  return outcome.kind === 'passed-over' && outcome.verdict.kind === 'lacks'
}

/** Whether the backend cannot do it: another attempt there in this round would not help. */
function hasAnswered(outcome: Outcome): boolean {
  if (outcome.kind === 'passed-over') return outcome.verdict.kind !== 'busy'
  return outcome.kind === 'failed' && outcome.cause === 'protocol'
}

/** How many attempts a backend may have worked on, as opposed to being unreachable or busy. */
export function worked(round: readonly AttemptRecord[]): number {
  return round.filter(
    ({ outcome }) =>
      outcome.reachedBackend &&
      !isMove(outcome) &&
      !(outcome.kind === 'passed-over' && outcome.verdict.kind === 'busy'),
  ).length
}

/** Whether the job may be what makes backends fail: then each further round waits longer. */
export function isSuspect(round: readonly AttemptRecord[]): boolean {
  return round.some(
    ({ outcome }) =>
      isAgainstJob(outcome) || (outcome.kind === 'failed' && outcome.reachedBackend && !isMove(outcome)),
  )
}

function endedByTotal(round: readonly AttemptRecord[]): boolean {
  const last = round.at(-1)?.outcome
  return last?.kind === 'failed' && last.cause === 'total-timeout'
}

/** Whether it does not count as an attempt: the backend was found not to have worked on the request. */
function isMove(outcome: Outcome): boolean {
  return isStale(outcome) || (outcome.kind === 'failed' && outcome.cause === 'frozen')
}

function isStale(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'failed' && outcome.cause === 'stale'
}

/**
 * A request that killed two backends in a row does not go to a third in this round; three where other requests were there,
 * because a backend that dies fails them all. Two that die with it in parallel are enough.
 */
export function killsBackends(round: readonly AttemptRecord[], parallel: number): boolean {
  const inARow = round.length - 1 - round.findLastIndex(({ outcome }) => !killedBackend(outcome))
  const alone = round.slice(-2).every(({ inCompany }) => !inCompany)
  return inARow >= (alone || parallel > 1 ? 2 : 3)
}

/** The backend had the request, and the connection broke before it answered, or it did not answer in time. */
function killedBackend(outcome: Outcome): boolean {
  if (outcome.kind !== 'failed' || !outcome.reachedBackend) return false
  return outcome.cause === 'reset' || outcome.cause === 'response-timeout'
}

/**
 * Whether another attempt is free of the retry budget, which limits retry storms on failing backends: one on a backend without
 * recent failures, one that waits for a backend, the trial of a recovering backend, and one after a failed connection.
 */
export function isFree(
  outcome: Outcome | undefined,
  lease: Pick<Lease, 'trial' | 'holds' | 'usableOthers'>,
): boolean {
  if (lease.trial || lease.holds) return true
  return (
    (outcome?.kind === 'failed' && (!outcome.reachedBackend || isMove(outcome))) ||
    lease.usableOthers([]).some(isProven)
  )
}
