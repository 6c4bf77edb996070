import { isUndecided } from '../backend/health/evidence.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { NoBackendError } from '../errors.ts'
import { usefulness } from '../judge/verdict.ts'
import type { Lease } from '../routing/lease.ts'
import type { SelectOptions } from '../routing/select-options.ts'
import { type AttemptRecord, AttemptRecorder } from './attempt-record.ts'
import type { Budget } from './budget.ts'
import { type Copy, Race } from './race.ts'
import { idsOf, isFree, isSuspect, nextStep, worked } from './rule.ts'

/** What an attempt is told, besides its copy. */
export interface AttemptContext {
  readonly marks: AttemptRecorder['marks']
  /** When all attempts of this round must be over, on the clock; `Infinity` for never. */
  readonly deadline: number
  /** Whether the request would go elsewhere, or wait, if this attempt failed now as given. */
  readonly wouldGoOn: (outcome: Outcome) => boolean
  /** Whether another candidate could take the request. */
  readonly hasOther: () => boolean
  /** The record of this attempt, if it ended now as given. */
  readonly record: (outcome: Outcome) => AttemptRecord
}

/** A request that is to be sent until it is answered. `A` is an answer that was passed over. */
export interface RetryRequest<A> {
  readonly clock: Clock
  readonly retryBudget: Budget
  readonly hedgeBudget: Budget
  /** Whether the body can be sent once more. */
  readonly retained: () => boolean
  /** Whether it can be sent once more at the same time. */
  readonly canBeCopied: () => boolean
  /** Makes one attempt. */
  readonly send: (copy: Copy, context: AttemptContext) => Promise<{ outcome: Outcome; answer: A | undefined }>
  /** Chooses a backend, or waits for one; `undefined` where no policy is known. */
  readonly select: ((options: SelectOptions) => Promise<Lease>) | undefined
  /** Told of an answer that is not needed any more. The one that `run` returns is the caller's. */
  readonly drop: (answer: A) => void
  /** Told of every lease that the request has had, and of every attempt that is over. */
  readonly onLease: (lease: Lease) => void
  readonly onAttempt: (record: AttemptRecord, copy: Copy) => void
}

/** An attempt that is over, and what it leaves. */
export interface Tried<A> {
  readonly record: AttemptRecord
  readonly lease: Lease
  readonly answer: A | undefined
}

/** The end of a run. */
export interface RunEnd<A> {
  readonly outcome: Outcome
  /** The answer for the client, where none has reached it and one is worth telling. */
  readonly telling: Tried<A> | undefined
  /** Whether the retry budget kept it from another attempt. */
  readonly outOfBudget: boolean
}

/**
 * Sends a request until it is answered: attempt, verdict, and by the rule another candidate, another round, or the end.
 *
 * @throws what `select` throws: a request that waited in vain, or whose client left.
 */
export async function run<A>(request: RetryRequest<A>, first: Lease): Promise<RunEnd<A>> {
  const { clock, select } = request
  let lease = first
  let deadline = clock.now() + first.timeouts.total
  let round: Tried<A>[] = []
  let suspectRounds = 0
  if (first.hedges > 0) request.hedgeBudget.count()
  try {
    for (;;) {
      const ended =
        lease.hedges === 0
          ? { lease, outcome: await attemptOnce(request, { lease, ...ALONE }, round, deadline), copies: 1 }
          : await race(request, round, deadline).run(lease)
      const { outcome, copies } = ended
      lease = ended.lease
      request.onLease(lease)
      if (outcome.kind === 'answered' && round.length === 1) {
        lease.release(outcome)
        return { outcome, telling: undefined, outOfBudget: false }
      }
      const records = round.map(({ record }) => record)
      // Its slot is kept where the same backend gets the request again at once.
      if (nextStep(records, lease, request.retained(), copies).kind === 'same') continue
      lease.release(outcome)
      const step = nextStep(records, lease, request.retained(), copies)
      const mayRetry = step.kind !== 'another' || isFree(outcome, lease) || request.retryBudget.take()
      if (step.kind === 'stop' || step.kind === 'answer' || select === undefined || !mayRetry) {
        settle(round, step.kind === 'answer' && step.isConfirmed ? 'job' : outcome)
        const telling = step.kind === 'stop' ? undefined : mostTelling(round)
        dropAnswers(request, round, telling)
        return { outcome, telling, outOfBudget: !mayRetry }
      }
      const isNextRound = step.kind === 'next-round'
      if (isNextRound) {
        settle(round, 'unknown')
        if (isSuspect(records)) suspectRounds++
        dropAnswers(request, round)
        round = []
        deadline = Number.POSITIVE_INFINITY
      }
      const options = isNextRound
        ? { avoid: idsOf(records), notBefore: clock.now() + pauseAfter(records, suspectRounds, lease.bulk) }
        : step.kind === 'another'
          ? { exclude: step.exclude, avoid: step.avoid, relaxes: lease.holds }
          : {}
      // The total timeout ends attempts, and never answers a bulk job that may be held.
      const waitsUntil = lease.holds && lease.bulk ? Number.POSITIVE_INFINITY : deadline
      const another = await selectAgain(select, {
        ...options,
        retry: true,
        place: lease.place,
        deadline: waitsUntil,
      })
      if (another === undefined) {
        settle(round, outcome)
        const telling = mostTelling(round)
        dropAnswers(request, round, telling)
        return { outcome, telling, outOfBudget: false }
      }
      lease = another
      if (isNextRound) deadline = clock.now() + lease.timeouts.total
      request.onLease(lease)
    }
  } catch (error) {
    lease.release()
    settle(round, 'unknown')
    dropAnswers(request, round)
    throw error
  }
}

/** @returns `undefined` when no candidate is left, as when they were drained in the meantime. */
async function selectAgain(
  select: (options: SelectOptions) => Promise<Lease>,
  options: SelectOptions,
): Promise<Lease | undefined> {
  try {
    return await select(options)
  } catch (error) {
    if (error instanceof NoBackendError) return undefined
    throw error
  }
}

function race<A>(request: RetryRequest<A>, round: Tried<A>[], deadline: number): Race {
  return new Race({
    clock: request.clock,
    budget: request.hedgeBudget,
    tried: idsOf(round.map(({ record }) => record)),
    canBeCopied: request.canBeCopied,
    attempt: (copy) => attemptOnce(request, copy, round, deadline),
  })
}

async function attemptOnce<A>(
  request: RetryRequest<A>,
  copy: Copy,
  round: Tried<A>[],
  deadline: number,
): Promise<Outcome> {
  const { lease } = copy
  const before = round.map(({ record }) => record)
  const recorder = new AttemptRecorder(copy, request.clock, before)
  const { outcome, answer } = await request.send(copy, {
    marks: recorder.marks,
    deadline,
    wouldGoOn: (failed) => {
      const step = nextStep([...before, recorder.record(failed)], lease, request.retained())
      return step.kind === 'another' || step.kind === 'next-round'
    },
    hasOther: () => lease.usableOthers([]) > 0,
    record: (ended) => recorder.record(ended),
  })
  const record = recorder.record(outcome)
  round.push({ record, lease, answer })
  request.onAttempt(record, copy)
  return outcome
}

/** What there is to say of an attempt that is not one of several copies. */
const ALONE: Omit<Copy, 'lease'> = { hedge: false, superseded: undefined, onCommit: () => {} }

/**
 * Says of every undecided attempt of a round who was at fault: the job, which another candidate has confirmed; the backend,
 * where another has answered well, or where no second opinion on a 500 was to be had.
 */
function settle<A>(round: readonly Tried<A>[], end: Outcome | 'job' | 'unknown'): void {
  const isAnswered = typeof end === 'object' && end.kind === 'answered'
  const isUnconfirmed = end === 'unknown' || (typeof end === 'object' && end.kind === 'passed-over')
  for (const { record, lease } of round) {
    const { outcome } = record
    if (outcome.kind !== 'passed-over' || !isUndecided(outcome)) continue
    const isFault = outcome.verdict.kind === 'undecided' && outcome.verdict.otherwise === 'fault'
    lease.decide(isAnswered || (isUnconfirmed && isFault))
  }
}

function dropAnswers<A>({ drop }: RetryRequest<A>, round: readonly Tried<A>[], but?: Tried<A>): void {
  for (const tried of round) if (tried !== but && tried.answer !== undefined) drop(tried.answer)
}

/** The answer that tells most; of equals the last. Redirects and wrong successes are never given to a client. */
function mostTelling<A>(round: readonly Tried<A>[]): Tried<A> | undefined {
  let best: Tried<A> | undefined
  let most = -1
  for (const tried of round) {
    const { outcome } = tried.record
    if (tried.answer === undefined || outcome.kind !== 'passed-over' || outcome.status < 400) continue
    const telling = usefulness(outcome.verdict)
    if (telling < most) continue
    most = telling
    best = tried
  }
  return best
}

/**
 * The pause before the next round: none after a round in which no backend has worked on the request, since then it waits for one.
 * It grows only while the job may be what makes backends fail: those that fail at everything are ejected.
 */
function pauseAfter(round: readonly AttemptRecord[], suspectRounds: number, bulk: boolean): number {
  if (worked(round) === 0) return 0
  if (!bulk || suspectRounds === 0) return defaults.retryPause
  return Math.min(defaults.retryPause * 2 ** (suspectRounds - 1), defaults.longestRetryPause)
}
