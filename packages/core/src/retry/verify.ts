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
  /** Runs a canary on the backend of a lease, for so long at most, in milliseconds. */
  readonly ask: (lease: Lease, longest: number) => Promise<CanaryResult>
  /** Resolves when canaries on the backend of a lease have not taken too much of its time, or the client has left. */
  readonly pause: (lease: Lease) => Promise<void>
  /** Resolves when at most so many requests are in flight on the backend of a lease, or the client has left. */
  readonly repeat: (lease: Lease, most: number) => Promise<Repeat>
  /** Whether the body can be sent again. */
  readonly retained: () => boolean
}

/**
 * The longest wait for a canary before a request is sent, in milliseconds: a backend that does not answer must not keep it from
 * another, or past the end of its hold.
 */
const LONGEST_TRIAL = { bulk: 10_000, interactive: 2_000 }
/** The longest wait for a canary after an interactive request has failed, in milliseconds. */
const LONGEST_CHECK = 10_000
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
  if ((lease.trial && !mayBeLoading(lease)) || isPoison) {
    const longest = lease.bulk ? LONGEST_TRIAL.bulk : LONGEST_TRIAL.interactive
    const found = await options.ask(lease, longest)
    if (found.kind === 'unknown' && clock.now() - start >= longest)
      return { outcome: SILENT, answer: undefined }
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
 * Whether a trial is of a server that could not be reached, and there is no other backend: it was probably restarted and loads its
 * models, which takes longer than the wait for a canary. The request itself loads what it needs.
 */
function mayBeLoading(lease: Lease): boolean {
  return lease.backend.health.isDown && lease.usableOthers([]).length === 0
}

/**
 * A 500 may be due to the memory of a backend that works on other requests: the request is sent again with at most half as many in
 * flight. Where it fails again, a canary that passes with as many in flight shows that the job is at fault. Otherwise the request
 * is sent again with half of that, until it is alone.
 *
 * @param atFirst Requests in flight when the first failure came.
 */
async function resolveUndecided<S extends SendResult>(
  lease: Lease,
  { send, ask, pause, repeat: waitToRepeat, retained }: VerifyOptions<S>,
  first: S,
  atFirst: number,
): Promise<S> {
  let last = first
  let inFlight = atFirst
  const longest = lease.bulk ? Number.POSITIVE_INFINITY : LONGEST_CHECK
  for (let repeats = 0; ; repeats++) {
    const isRepeated = inFlight > 1 && repeats < MAX_REPEATS && mayLackMemory(last.outcome) && retained()
    if (isRepeated) {
      const repeat = await waitToRepeat(lease, Math.floor(inFlight / 2))
      try {
        // Another attempt may have been answered during the wait.
        if (!retained()) return last
        last = await sendAgain(last, send)
        inFlight = repeat.peak
        if (last.outcome.kind === 'answered') repeat.succeed()
        if (!isUndecided(last.outcome)) return last
      } finally {
        repeat.end()
      }
    }
    await pause(lease)
    // No further request may begin while the canary runs: it could fail for lack of memory.
    const check = await waitToRepeat(lease, inFlight)
    try {
      check.awaitCanary()
      const before = check.now()
      const found = await ask(lease, longest)
      const isCleared = found.kind === 'passed' && hadAsMany(before, check.now(), inFlight)
      if (isRepeated && inFlight > 1 && !isCleared) continue
      // A 500 that came once may be chance.
      const isOnce = repeats === 0 && !isRepeated && mayLackMemory(last.outcome)
      if (isOnce && found.kind === 'passed' && retained()) last = await sendAgain(last, send)
      return { ...last, outcome: withCanaryResult(last.outcome, found) }
    } finally {
      check.end()
    }
  }
}

function sendAgain<S extends SendResult>({ answer }: S, send: () => Promise<S>): Promise<S> {
  answer?.release()
  return send()
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

/** The backend did not answer the canary of its trial. */
const SILENT: Outcome = notSent({ kind: 'failed', scope: 'type', reason: 'no answer to a canary' })

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
