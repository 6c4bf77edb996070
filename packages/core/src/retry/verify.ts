import { isUndecided } from '../backend/health/evidence.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { CanaryResult } from '../canary/canary.ts'
import type { Lease } from '../routing/lease.ts'

/** An attempt, and the backend's own word on it. */
export interface Verified<R> {
  /** Asks the backend of a lease by a canary whether it works. It never rejects. */
  readonly ask: (lease: Lease) => Promise<CanaryResult>
  /** Sends the request. */
  readonly send: () => Promise<R>
}

/**
 * Makes an attempt, and has a canary decide what the attempt leaves open: whether a backend that was ejected works again, before
 * the request is sent there, and who is at fault in a failure that may be the job's.
 *
 * @param isPoison Whether backends died with the request or did not answer it: then a backend that works does not get it.
 */
export async function sendVerified<R extends { readonly outcome: Outcome }>(
  lease: Lease,
  { ask, send }: Verified<R>,
  isPoison: boolean,
): Promise<R | { readonly outcome: Outcome; readonly answer: undefined }> {
  if (lease.trial || isPoison) {
    const found = await ask(lease)
    if (found.kind === 'failed') return { outcome: notSent(found), answer: undefined }
    if (found.kind === 'passed' && isPoison) return { outcome: POISON, answer: undefined }
  }
  const sent = await send()
  return isUndecided(sent.outcome) ? { ...sent, outcome: decided(sent.outcome, await ask(lease)) } : sent
}

function notSent({ scope, reason }: Extract<CanaryResult, { kind: 'failed' }>): Outcome {
  const failed = {
    kind: 'failed',
    error: new Error(reason),
    reachedBackend: false,
    reachedClient: false,
  } as const
  if (scope === 'unreachable') return { ...failed, cause: 'connect' }
  return { ...failed, cause: 'canary', verdict: { kind: 'fault', scope, reason, certain: true } }
}

const POISON: Outcome = {
  kind: 'failed',
  cause: 'poison',
  error: new Error('backends that work died with this request, or did not answer it'),
  reachedBackend: false,
  reachedClient: false,
}

/** The outcome of a failure that may be the job's, once a canary has told whose it is. */
function decided(outcome: Outcome, found: CanaryResult): Outcome {
  if (outcome.kind !== 'passed-over' || !('reason' in outcome.verdict) || found.kind === 'unknown')
    return outcome
  const { reason } = outcome.verdict
  if (found.kind === 'passed') return { ...outcome, verdict: { kind: 'job', reason } }
  if (outcome.verdict.kind === 'undecided' && outcome.verdict.otherwise === 'lacks')
    return { ...outcome, verdict: { kind: 'lacks', what: 'exact', reason } }
  const scope = found.scope === 'unreachable' ? 'type' : found.scope
  return { ...outcome, verdict: { kind: 'fault', scope, reason, certain: true } }
}
