import type { Backend } from '../backend/backend.ts'
import { idOf } from '../backend/backend-view.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Lease } from '../routing/lease.ts'
import type { AttemptRecord } from './attempt-record.ts'

/** What a lease says of further attempts. */
export type Leeway = Pick<
  Lease,
  'retries' | 'left' | 'usableOthers' | 'isRefusedByAll' | 'isCredible' | 'holds' | 'bulk'
> & { readonly backend: { readonly target: Pick<Backend['target'], 'isLeaving'> } }

/** What comes after an attempt. */
export type Step =
  /** Nothing: the client has its answer, or is gone. */
  | { readonly kind: 'stop' }
  /** The same backend, at once: the connection was stale. */
  | { readonly kind: 'same' }
  /** Another attempt, on the candidates that are not excluded; those to avoid are the last choice. By backend ids. */
  | { readonly kind: 'another'; readonly exclude: readonly string[]; readonly avoid: readonly string[] }
  /** Back to the queue, or on hold, with every candidate open to it again. */
  | { readonly kind: 'next-round' }
  /** The client gets the most telling answer that there is. `isConfirmed`: the job is at fault, and no backend. */
  | { readonly kind: 'answer'; readonly isConfirmed: boolean }

const STOP: Step = { kind: 'stop' }
const ANSWER: Step = { kind: 'answer', isConfirmed: false }

/**
 * The retry rule. Inference is a pure function of the request, so sending it twice is safe; what has reached the client is
 * final. A bulk job that may be held is answered with a failure only when the failure is its own: two candidates have said
 * so, or the only usable one has twice, or every candidate refuses such jobs. Any other failure is tried again.
 *
 * @param round The attempts since every candidate was open last, in the order in which they ended.
 * @param retained Whether the body can be sent once more.
 * @param copies How many of the last attempts were copies that were under way at once.
 */
export function nextStep(
  round: readonly AttemptRecord[],
  lease: Leeway,
  retained: boolean,
  copies = 1,
): Step {
  const last = round.at(-1)?.outcome
  if (last === undefined || isOver(last)) return STOP
  if (!retained) return ANSWER
  if (isStale(last) && !isStale(round.at(-2)?.outcome) && !lease.backend.target.isLeaving)
    return { kind: 'same' }
  return lease.holds ? whereHeld(round, lease, copies) : whereNotHeld(round, lease, copies)
}

function whereHeld(round: readonly AttemptRecord[], lease: Leeway, copies: number): Step {
  const against = round.filter(({ outcome }) => isAgainstJob(outcome))
  if (isConfirmed(against)) return { kind: 'answer', isConfirmed: true }
  if (lease.isRefusedByAll(idsOf(round.filter(({ outcome }) => refuses(outcome))))) return ANSWER
  const step = another(round)
  const others = lease.usableOthers(step.avoid)
  if (against.length > 0 && isAgainstJob(round.at(-1)?.outcome) && lease.usableOthers(idsOf(against)) === 0) {
    // No second opinion is to be had: a 500 is asked for once more, a refusal of the request would only be repeated.
    const mayRepeat = against.length === 1 && against.every(({ outcome }) => isFault(outcome))
    if (mayRepeat) return { ...step, exclude: [] }
    return lease.isCredible() || !lease.bulk ? ANSWER : { kind: 'next-round' }
  }
  const isSpent = isPoison(round, copies) || worked(round) > lease.retries || endedByTotal(round)
  if (isSpent && !lease.bulk) return ANSWER
  return isSpent || others === 0 ? { kind: 'next-round' } : step
}

function whereNotHeld(round: readonly AttemptRecord[], lease: Leeway, copies: number): Step {
  const against = round.filter(({ outcome }) => isAgainstJob(outcome))
  if (isConfirmed(against)) return { kind: 'answer', isConfirmed: true }
  if (isPoison(round, copies) || endedByTotal(round)) return ANSWER
  const counted = round.filter(({ outcome }) => !isStale(outcome))
  const exclude = idsOf(round)
  return counted.length <= lease.retries && lease.left(exclude) > 0
    ? { kind: 'another', exclude, avoid: [] }
    : ANSWER
}

/** A backend that has answered, if not well, does not get the request again in this round; one that was away may. */
function another(round: readonly AttemptRecord[]): Extract<Step, { kind: 'another' }> {
  return {
    kind: 'another',
    exclude: idsOf(round.filter(({ outcome }) => hasAnswered(outcome))),
    avoid: idsOf(round),
  }
}

/** What the backends, or their endpoints, are excluded by. */
export function idsOf(attempts: readonly AttemptRecord[]): string[] {
  return attempts.map(({ backend, url, endpoint }) => idOf({ name: backend, url, endpoint }))
}

/** Whether nothing can follow: an answer that has reached the client, or a client that is gone. */
function isOver(outcome: Outcome): boolean {
  if (outcome.reachedClient) return true
  if (outcome.kind === 'failed') return outcome.cause === 'shutdown'
  return outcome.kind !== 'passed-over'
}

/** Two candidates say that the job is at fault. */
function isConfirmed(against: readonly AttemptRecord[]): boolean {
  return new Set(idsOf(against)).size > 1
}

function isAgainstJob(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'passed-over' && outcome.verdict.kind === 'undecided'
}

/** Whether it may as well be a fault of the backend, as opposed to a refusal of this very request. */
function isFault(outcome: Outcome): boolean {
  return (
    outcome.kind === 'passed-over' &&
    outcome.verdict.kind === 'undecided' &&
    outcome.verdict.otherwise === 'fault'
  )
}

/** Whether the backend has said that it does not do such jobs. */
function refuses(outcome: Outcome): boolean {
  return outcome.kind === 'passed-over' && outcome.verdict.kind === 'lacks'
}

/** Whether the backend has said that it cannot do it: asking it once more in this round will not help. */
function hasAnswered(outcome: Outcome): boolean {
  if (outcome.kind === 'passed-over') return outcome.verdict.kind !== 'busy'
  return outcome.kind === 'failed' && outcome.cause === 'protocol'
}

/** How many backends may have worked on it, as opposed to having been away. */
export function worked(round: readonly AttemptRecord[]): number {
  return round.filter(
    ({ outcome }) =>
      outcome.reachedBackend &&
      !isStale(outcome) &&
      !(outcome.kind === 'passed-over' && outcome.verdict.kind === 'busy'),
  ).length
}

/** Whether the job may be what makes backends fail: then each further round waits for longer. */
export function isSuspect(round: readonly AttemptRecord[]): boolean {
  return round.some(
    ({ outcome }) =>
      isAgainstJob(outcome) || (outcome.kind === 'failed' && outcome.reachedBackend && !isStale(outcome)),
  )
}

function endedByTotal(round: readonly AttemptRecord[]): boolean {
  const last = round.at(-1)?.outcome
  return last?.kind === 'failed' && last.cause === 'total-timeout'
}

function isStale(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'failed' && outcome.cause === 'stale'
}

/**
 * A request that has killed two backends in a row is not fed to a third in this round, or three where other requests were
 * there: a backend that dies takes all with it. Two that die while they have it at once are enough.
 */
function isPoison(round: readonly AttemptRecord[], copies: number): boolean {
  const inARow = round.length - 1 - round.findLastIndex(({ outcome }) => !killedBackend(outcome))
  const alone = round.slice(-2).every(({ inCompany }) => !inCompany)
  return inARow >= (alone || copies > 1 ? 2 : 3)
}

/** The backend had the request, and its connection broke before it had answered. */
function killedBackend(outcome: Outcome): boolean {
  return outcome.kind === 'failed' && outcome.cause === 'reset' && outcome.reachedBackend
}

/**
 * Whether another attempt costs the retry budget nothing. A storm feeds on backends that fail: a backend on which nothing
 * has failed recently is no part of it, nor is one that is waited for. The trial of a backend that may be back must not
 * cost its request, and where no connection was made, no backend has worked in vain.
 */
export function isFree(
  outcome: Outcome | undefined,
  lease: Pick<Lease, 'trial' | 'holds' | 'provenOther'>,
): boolean {
  if (lease.trial || lease.holds) return true
  return (outcome?.kind === 'failed' && !outcome.reachedBackend) || lease.provenOther()
}
