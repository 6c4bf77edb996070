import { isUndecided } from '../backend/health/evidence.ts'
import type { Company, Repeat } from '../backend/limit/memory-limit.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { CanaryResult } from '../canary/canary.ts'
import type { Clock } from '../clock.ts'
import type { Lease } from '../routing/lease.ts'

/** The end of an attempt. */
interface Sent {
  readonly outcome: Outcome
  readonly answer: { release(): void } | undefined
}

/** How an attempt is made, and what its backend is asked. None of these rejects. */
export interface Verified<S extends Sent> {
  readonly clock: Clock
  /** Sends the request. */
  readonly send: () => Promise<S>
  /** Asks the backend of a lease by a canary whether it works. */
  readonly ask: (lease: Lease) => Promise<CanaryResult>
  /** Resolves when at most so many requests are in flight on the backend of a lease, or the client has left. */
  readonly repeat: (lease: Lease, most: number) => Promise<Repeat>
  /** Whether the body can be sent again. */
  readonly retained: () => boolean
}

/**
 * Makes an attempt, and decides with its backend what the attempt leaves open: whether a backend that was ejected works again,
 * before the request is sent there; whether it has memory for so many requests; and who is at fault in a failure that may be the
 * job's.
 *
 * @param isPoison Whether backends died with the request or did not answer it: then a backend that works does not get it.
 */
export async function sendVerified<S extends Sent>(
  lease: Lease,
  request: Verified<S>,
  isPoison: boolean,
): Promise<S | { readonly outcome: Outcome; readonly answer: undefined }> {
  if (lease.trial || isPoison) {
    const found = await request.ask(lease)
    if (found.kind === 'failed') return { outcome: notSent(found), answer: undefined }
    if (found.kind === 'passed' && isPoison) return { outcome: POISON, answer: undefined }
  }
  const began = request.clock.now()
  const sent = await request.send()
  if (!isUndecided(sent.outcome)) return sent
  return decide(lease, request, sent, lease.backend.limit.companySince(began))
}

/**
 * A 500 in company, while the backend works on other requests, may be that of its memory: the request is sent again with at most
 * half as many. Where it fails again, a canary decides if it passes in as much company; else the request is sent again with
 * half of that, until it is alone.
 */
async function decide<S extends Sent>(
  lease: Lease,
  request: Verified<S>,
  first: S,
  companyOfFirst: number,
): Promise<S> {
  let sent = first
  let company = companyOfFirst
  for (;;) {
    const isRepeated = company > 1 && mayLackMemory(sent.outcome) && request.retained()
    const repeat = await request.repeat(lease, isRepeated ? company >> 1 : company)
    try {
      if (isRepeated) {
        sent.answer?.release()
        sent = await request.send()
        company = repeat.company
        if (sent.outcome.kind === 'answered') repeat.worked()
        if (!isUndecided(sent.outcome)) return sent
      }
      repeat.asks()
      const since = repeat.now()
      const found = await request.ask(lease)
      const isAcquitted = found.kind === 'passed' && hadCompany(since, repeat.now(), company)
      if (!isRepeated || company === 1 || isAcquitted)
        return { ...sent, outcome: decided(sent.outcome, found) }
    } finally {
      repeat.end()
    }
  }
}

/** Whether at least so many were in flight all the time, and none of them failed for want of memory. */
function hadCompany(before: Company, after: Company, company: number): boolean {
  return Math.min(before.inFlight, after.inFlight) >= company && before.failures === after.failures
}

/** Whether it is a 500, as opposed to a refusal of the request. */
function mayLackMemory(outcome: Outcome): boolean {
  if (outcome.kind !== 'passed-over' || outcome.verdict.kind !== 'undecided') return false
  return outcome.verdict.otherwise === 'fault'
}

function notSent({ scope, reason }: Extract<CanaryResult, { kind: 'failed' }>): Outcome {
  const error = new Error(reason)
  const failed = { kind: 'failed', error, reachedBackend: false, reachedClient: false } as const
  if (scope === 'unreachable') return { ...failed, cause: 'connect' }
  return { ...failed, cause: 'canary', verdict: { kind: 'fault', scope, reason, certain: true } }
}

const POISON: Outcome = {
  kind: 'failed',
  cause: 'poison',
  error: new Error('backends died with this request or did not answer it, and one that works was found'),
  reachedBackend: false,
  reachedClient: false,
}

/** The outcome of a failure that may be the job's, once a canary has told whose it is. */
function decided(outcome: Outcome, found: CanaryResult): Outcome {
  if (outcome.kind !== 'passed-over' || outcome.verdict.kind !== 'undecided') return outcome
  if (found.kind === 'unknown') return outcome
  const { otherwise, reason } = outcome.verdict
  if (found.kind === 'passed') return { ...outcome, verdict: { kind: 'job', reason } }
  if (otherwise === 'lacks') return { ...outcome, verdict: { kind: 'lacks', what: 'exact', reason } }
  const scope = found.scope === 'unreachable' ? 'type' : found.scope
  return { ...outcome, verdict: { kind: 'fault', scope, reason, certain: true } }
}
