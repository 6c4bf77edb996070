import { isUndecided } from '../backend/health/evidence.ts'
import type { Repeat } from '../backend/limit/memory-limit.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { CanaryResult } from '../canary/canary.ts'
import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { NoBackendError } from '../errors.ts'
import { usefulness } from '../judge/verdict.ts'
import { isProven } from '../routing/assess.ts'
import type { Lease, LeaseHedge } from '../routing/lease.ts'
import type { SelectOptions } from '../routing/select-options.ts'
import type { AttemptMarks, AttemptRecord, AttemptRecorder } from './attempt-record.ts'
import type { Budget } from './budget.ts'
import { type HedgedAttempt, type HedgedResult, sendHedged } from './hedge.ts'
import { idsOf, isFree, isSuspect, killsBackends, nextStep, type Step, worked } from './rule.ts'
import { sendVerified } from './verify.ts'

/** What an attempt can ask about its request. */
export interface AttemptContext extends HedgedAttempt, AttemptRecorder {
  /** When all attempts of this round must be over, on the clock; `Infinity` for never. */
  readonly deadline: number
  /** Whether the request would be retried or held if the backend were found gone now. */
  readonly hasNextStep: () => boolean
  /** Whether another candidate could take the request. */
  readonly hasOther: () => boolean
}

/** An answer that is kept in case no better one follows. */
interface Kept {
  /** Frees its memory. */
  release(): void
}

/** A request to send until it is answered. */
export interface RetryRequest<A extends Kept> {
  readonly clock: Clock
  readonly retryBudget: Budget
  readonly hedgeBudget: Budget
  /** Limits the further copies of requests for which a person waits. */
  readonly rescueBudget: Budget
  /** Whether the body can be sent again. */
  readonly retained: () => boolean
  /** Whether it can be sent again in parallel. */
  readonly canHedge: () => boolean
  /** Runs a canary on the backend of a lease, for so long at most, in milliseconds. It never rejects. */
  readonly ask: (lease: Lease, longest: number) => Promise<CanaryResult>
  /** Resolves when canaries on the backend of a lease have not taken too much of its time, or the client has left. */
  readonly pause: (lease: Lease) => Promise<void>
  /** Resolves when at most so many requests are in flight on the backend of a lease, or the client has left. */
  readonly repeat: (lease: Lease, most: number) => Promise<Repeat>
  /** Makes one attempt. */
  readonly send: (attempt: AttemptContext) => Promise<{ outcome: Outcome; answer: A | undefined }>
  /** Chooses a backend, or waits for one; `undefined` without a policy. */
  readonly select: ((options: SelectOptions) => Promise<Lease>) | undefined
  /** Called with the lease of every attempt that is chosen or over. */
  readonly onLease: (lease: Lease) => void
  /** Called with every completed attempt. */
  readonly onAttempt: (record: AttemptRecord, attempt: AttemptContext) => void
}

/** A completed attempt with its lease and answer. */
export interface CompletedAttempt<A> {
  readonly record: AttemptRecord
  readonly lease: Lease
  readonly answer: A | undefined
}

/** The result of all attempts. */
export interface RetryResult<A> {
  readonly outcome: Outcome
  /** The best answer for the client, when no good one has reached it; the caller releases it. */
  readonly best: CompletedAttempt<A> | undefined
  /** Whether the retry budget prevented another attempt. */
  readonly budgetExhausted: boolean
}

/**
 * Sends a request until it is answered: attempt, verdict, and by the rule another candidate, another round, or the end.
 *
 * @throws what `select` throws: the wait for a backend failed, or the client left.
 */
export async function run<A extends Kept>(request: RetryRequest<A>, first: Lease): Promise<RetryResult<A>> {
  const { clock } = request
  let lease = first
  let round: Round<A> = { attempts: [], deadline: clock.now() + first.timeouts.total, isPoison: false }
  let suspectRounds = 0
  if (first.hedge !== undefined) budgetOf(first.hedge, request).count()
  try {
    for (;;) {
      const ended =
        lease.hedge === undefined
          ? { lease, outcome: await attempt(request, { lease, ...NO_HEDGE }, round), attempts: 1 }
          : await attemptHedged(request, lease, round)
      const { outcome } = ended
      lease = ended.lease
      request.onLease(lease)
      if (outcome.kind === 'answered' && round.attempts.length === 1) {
        lease.release(outcome)
        return { outcome, best: undefined, budgetExhausted: false }
      }
      const records = round.attempts.map(({ record }) => record)
      // The slot is kept where the same backend gets the request again at once.
      if (nextStep(records, lease, request.retained(), ended.attempts).kind === 'same') {
        lease.backend.limit.giveUp()
        continue
      }
      lease.release(outcome)
      const step = nextStep(records, lease, request.retained(), ended.attempts)
      const budgetExhausted =
        step.kind === 'another' && !isFree(outcome, lease) && !request.retryBudget.take()
      if (step.kind === 'stop' || step.kind === 'answer' || budgetExhausted)
        return finish(round.attempts, outcome, step, budgetExhausted)
      let notBefore: number | undefined
      if (step.kind === 'next-round' && request.select !== undefined) {
        settle(round.attempts, 'unknown')
        if (isSuspect(records)) suspectRounds++
        releaseAnswers(round.attempts)
        const isPoison = killsBackends(records, ended.attempts)
        round = { attempts: [], deadline: Number.POSITIVE_INFINITY, isPoison }
        notBefore = clock.now() + pauseAfter(records, suspectRounds, lease.bulk)
      }
      const selection = { lease, records, deadline: round.deadline, notBefore }
      const next = await selectNext(request, step, selection)
      if (next === undefined) return finish(round.attempts, outcome, step, false)
      lease = next
      if (step.kind === 'next-round') round.deadline = clock.now() + lease.timeouts.total
      request.onLease(lease)
    }
  } catch (error) {
    lease.release()
    settle(round.attempts, 'unknown')
    releaseAnswers(round.attempts)
    throw error
  }
}

/** What the attempts of a round have in common. */
interface Round<A> {
  /** Those that are over. */
  attempts: CompletedAttempt<A>[]
  /** When all must be over, on the clock. */
  deadline: number
  /** Whether the request killed backends in the round before. */
  isPoison: boolean
}

/** Makes one attempt. @param before What was completed before it; with a hedge, before the first of those in parallel. */
async function attempt<A extends Kept>(
  request: RetryRequest<A>,
  hedged: HedgedAttempt,
  round: Round<A>,
  before: readonly AttemptRecord[] = round.attempts.map(({ record }) => record),
): Promise<Outcome> {
  const { lease, hedge } = hedged
  const { clock } = request
  const { backend } = lease
  const { name, url, endpoint, health } = backend
  const { failures } = health
  let start = clock.now()
  const marks: AttemptMarks = { received: 0 }
  // A backend that failed recently may fail again whatever the request is.
  const isShaky =
    before.every((other) => other.backend !== name) && !health.wellFor(defaults.retryBudgetWindow)
  const record = (outcome: Outcome): AttemptRecord => ({
    backend: name,
    url,
    endpoint,
    outcome,
    start,
    time: clock.now() - start,
    connect: marks.connected === undefined ? undefined : marks.connected - start,
    firstByte: marks.answered === undefined ? undefined : marks.answered - start,
    received: marks.received,
    inCompany: isShaky || backend.inFlight > 1 || health.failures > failures,
    hedge,
  })
  const context: AttemptContext = {
    ...hedged,
    marks,
    record,
    deadline: round.deadline,
    hasNextStep: () => {
      if (!lease.holds && !lease.usableOthers([]).some(isProven)) return false
      const { kind } = nextStep([...before, record(GONE)], lease, request.retained())
      return kind === 'another' || kind === 'next-round'
    },
    hasOther: () => lease.usableOthers([]).length > 0,
  }
  const { ask, pause, repeat, retained } = request
  // It may be sent again, or not at all: the record is about the last time.
  const send = () => {
    start = clock.now()
    marks.connected = undefined
    marks.answered = undefined
    marks.received = 0
    return request.send(context)
  }
  const options = { clock, ask, pause, repeat, retained, send }
  const { outcome, answer } = await sendVerified(lease, options, round.isPoison)
  const ended = record(outcome)
  round.attempts.push({ record: ended, lease, answer })
  request.onAttempt(ended, context)
  return outcome
}

/** Makes several attempts in parallel while they are late. */
function attemptHedged<A extends Kept>(
  request: RetryRequest<A>,
  first: Lease,
  round: Round<A>,
): Promise<HedgedResult> {
  const { clock, canHedge } = request
  const before = round.attempts.map(({ record }) => record)
  const send = (hedged: HedgedAttempt) => attempt(request, hedged, round, before)
  const budget = first.hedge === undefined ? request.hedgeBudget : budgetOf(first.hedge, request)
  return sendHedged(first, { clock, budget, tried: idsOf(before), canHedge, attempt: send })
}

function budgetOf(
  { isRescue }: LeaseHedge,
  request: Pick<RetryRequest<Kept>, 'hedgeBudget' | 'rescueBudget'>,
): Budget {
  return isRescue ? request.rescueBudget : request.hedgeBudget
}

const NO_HEDGE: Omit<HedgedAttempt, 'lease'> = { hedge: false, superseded: undefined, onCommit: () => {} }

const GONE: Outcome = {
  kind: 'failed',
  cause: 'gone',
  error: new Error('gone'),
  reachedBackend: true,
  reachedClient: false,
}

/** What the next selection depends on. */
interface Selection {
  readonly lease: Lease
  readonly records: readonly AttemptRecord[]
  readonly deadline: number
  readonly notBefore: number | undefined
}

/** @returns `undefined` when no candidate is left, for example when they were drained since. */
async function selectNext(
  { select }: Pick<RetryRequest<Kept>, 'select'>,
  step: Step,
  { lease, records, deadline, notBefore }: Selection,
): Promise<Lease | undefined> {
  const { place, holds, bulk } = lease
  const options: SelectOptions =
    step.kind === 'another'
      ? { exclude: step.exclude, avoid: step.avoid, relaxes: holds }
      : step.kind === 'next-round'
        ? { avoid: idsOf(records), notBefore }
        : {}
  // The total timeout ends attempts, but never answers a bulk job that may be held.
  const waitsUntil = holds && bulk ? Number.POSITIVE_INFINITY : deadline
  try {
    return await select?.({ ...options, retry: true, place, deadline: waitsUntil })
  } catch (error) {
    if (error instanceof NoBackendError) return undefined
    throw error
  }
}

function finish<A extends Kept>(
  round: readonly CompletedAttempt<A>[],
  outcome: Outcome,
  step: Step,
  budgetExhausted: boolean,
): RetryResult<A> {
  settle(round, step.kind === 'answer' && step.isConfirmed ? 'job' : outcome)
  const best = step.kind === 'stop' ? undefined : bestAnswer(round)
  releaseAnswers(round, best)
  return { outcome, best, budgetExhausted }
}

/**
 * Tells the backend of every undecided attempt of a round whether it was at fault. It was when another backend answered well,
 * or when there was no second opinion on a 500; it was not when another candidate confirmed that the job is at fault.
 */
function settle(round: readonly CompletedAttempt<unknown>[], end: Outcome | 'job' | 'unknown'): void {
  const isAnswered = typeof end === 'object' && end.kind === 'answered'
  const isUnconfirmed = end === 'unknown' || (typeof end === 'object' && end.kind === 'passed-over')
  for (const { record, lease } of round) {
    const { outcome } = record
    if (outcome.kind !== 'passed-over' || !isUndecided(outcome)) continue
    const isFault = outcome.verdict.kind === 'undecided' && outcome.verdict.otherwise === 'fault'
    lease.decide(isAnswered || (isUnconfirmed && isFault))
  }
}

function releaseAnswers(round: readonly CompletedAttempt<Kept>[], kept?: CompletedAttempt<Kept>): void {
  for (const completed of round) if (completed !== kept) completed.answer?.release()
}

/** The most informative answer; of equals the last. Redirects and wrong successes are never given to a client. */
function bestAnswer<A>(round: readonly CompletedAttempt<A>[]): CompletedAttempt<A> | undefined {
  let best: CompletedAttempt<A> | undefined
  let most = -1
  for (const completed of round) {
    const { outcome } = completed.record
    if (completed.answer === undefined || outcome.kind !== 'passed-over' || outcome.status < 400) continue
    const value = usefulness(outcome.verdict)
    if (value < most) continue
    most = value
    best = completed
  }
  return best
}

/**
 * The pause before the next round: none after a round in which no backend worked on the request, because it then waits for
 * one. It grows only while the job may be what makes backends fail: those that fail at everything are ejected.
 */
function pauseAfter(round: readonly AttemptRecord[], suspectRounds: number, bulk: boolean): number {
  if (worked(round) === 0) return 0
  if (!bulk || suspectRounds === 0) return defaults.retryPause
  return Math.min(defaults.retryPause * 2 ** (suspectRounds - 1), defaults.longestRetryPause)
}
