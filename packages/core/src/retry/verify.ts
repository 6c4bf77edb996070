import { isUndecided } from '../backend/health/evidence.ts'
import type { Occupancy, Repeat } from '../backend/limit/memory-limit.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { CanaryResult } from '../canary/canary.ts'
import type { Clock } from '../clock.ts'
import type { Lease } from '../routing/lease.ts'

/** The result of sending a request once. */
interface SendResult {
  readonly outcome: Outcome
  readonly answer: { release(): void } | undefined
}

/** How a request is sent, and how its backend is tested. None of these rejects. */
export interface VerifyOptions<S extends SendResult> {
  readonly clock: Clock
  /** Sends the request once. */
  readonly send: () => Promise<S>
  /** Runs a canary on the backend of a lease. */
  readonly ask: (lease: Lease) => Promise<CanaryResult>
  /** Resolves when at most so many requests are in flight on the backend of a lease, or the client has left. */
  readonly repeat: (lease: Lease, most: number) => Promise<Repeat>
  /** Whether the body can be sent again. */
  readonly retained: () => boolean
}

/** Longer than it takes to halve any number of requests in flight to one. */
const MAX_REPEATS = 12

/**
 * Makes an attempt. Before it, a canary tests a backend on trial. After an undecided failure, the request is sent again with fewer
 * in flight, and a canary decides.
 *
 * @param isPoison Whether backends died with the request or did not answer it: then a backend that passes a canary does not get it.
 */
export async function sendVerified<S extends SendResult>(
  lease: Lease,
  options: VerifyOptions<S>,
  isPoison: boolean,
): Promise<S | { readonly outcome: Outcome; readonly answer: undefined }> {
  const { clock } = options
  const start = clock.now()
  if (lease.trial || isPoison) {
    const found = await options.ask(lease)
    if (found.kind === 'failed') return { outcome: notSent(found), answer: undefined }
    if (found.kind === 'passed' && isPoison) return { outcome: POISON, answer: undefined }
  }
  let sentAt = clock.now()
  const send = async () => {
    sentAt = clock.now()
    return options.send()
  }
  const first = await send()
  const result = isUndecided(first.outcome)
    ? await resolveUndecided(lease, { ...options, send }, first, lease.backend.limit.inFlightSince(sentAt))
    : first
  return { ...result, outcome: withoutWait(result.outcome, sentAt - start) }
}

/**
 * A 500 while the backend works on other requests may be due to its memory: the request is sent again with at most half as many in
 * flight. Where it fails again, a canary that passes with as many in flight shows that the job is at fault. Otherwise the request
 * is sent again with half of that, until it is alone.
 *
 * @param atFirst Requests in flight when the first failure came.
 */
async function resolveUndecided<S extends SendResult>(
  lease: Lease,
  { send, ask, repeat: waitToRepeat, retained }: VerifyOptions<S>,
  first: S,
  atFirst: number,
): Promise<S> {
  let last = first
  let inFlight = atFirst
  for (let repeats = 0; ; repeats++) {
    const isSentAgain = inFlight > 1 && mayLackMemory(last.outcome) && retained() && repeats < MAX_REPEATS
    // Without another send, no further request may begin while the canary runs: it could fail for lack of memory.
    const repeat = await waitToRepeat(lease, isSentAgain ? Math.floor(inFlight / 2) : inFlight)
    try {
      if (isSentAgain) {
        last.answer?.release()
        last = await send()
        inFlight = repeat.peak
        if (last.outcome.kind === 'answered') repeat.succeed()
        if (!isUndecided(last.outcome)) return last
      }
      repeat.awaitCanary()
      const before = repeat.now()
      const found = await ask(lease)
      const isCleared = found.kind === 'passed' && hadAsMany(before, repeat.now(), inFlight)
      if (!isSentAgain || inFlight === 1 || isCleared)
        return { ...last, outcome: withCanaryResult(last.outcome, found) }
    } finally {
      repeat.end()
    }
  }
}

/** Whether at least so many were in flight at both times, and none of them failed in between. */
function hadAsMany(before: Occupancy, after: Occupancy, inFlight: number): boolean {
  return Math.min(before.inFlight, after.inFlight) >= inFlight && before.undecided === after.undecided
}

/** Whether it is a 500, as opposed to a refusal of the request. */
function mayLackMemory(outcome: Outcome): boolean {
  if (outcome.kind !== 'passed-over' || outcome.verdict.kind !== 'undecided') return false
  return outcome.verdict.otherwise === 'fault'
}

/** The time before the last send says nothing about how long the backend takes. */
function withoutWait(outcome: Outcome, wait: number): Outcome {
  if (outcome.kind !== 'answered' || wait === 0) return outcome
  return { ...outcome, starvedFor: (outcome.starvedFor ?? 0) + wait }
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
function withCanaryResult(outcome: Outcome, found: CanaryResult): Outcome {
  if (outcome.kind !== 'passed-over' || outcome.verdict.kind !== 'undecided') return outcome
  if (found.kind === 'unknown') return outcome
  const { otherwise, reason } = outcome.verdict
  if (found.kind === 'passed') return { ...outcome, verdict: { kind: 'job', reason } }
  if (otherwise === 'lacks') return { ...outcome, verdict: { kind: 'lacks', what: 'exact', reason } }
  const scope = found.scope === 'unreachable' ? 'type' : found.scope
  return { ...outcome, verdict: { kind: 'fault', scope, reason, certain: true } }
}
