import type { AttemptRecord, Outcome, RequestEvent } from '@immich-ml-router/core'
import { shorten } from '@immich-ml-router/core/parts'
import { jobView, kindOf } from './job-view.ts'
import { rounded } from './tally.ts'
import type { AttemptView, DecisionView, Fate, JobKind, JobView } from './wire.ts'

/** The record of a completed request, without its sockets and its body. */
export interface Decision
  extends Pick<
    RequestEvent,
    | 'cached'
    | 'parts'
    | 'client'
    | 'route'
    | 'status'
    | 'error'
    | 'retained'
    | 'bodySize'
    | 'responseSize'
    | 'heartbeats'
    | 'steps'
  > {
  readonly id: number
  readonly start: number
  readonly fate: Fate
  readonly kind: JobKind
  readonly job: JobView
  readonly attempts: readonly AttemptRecord[]
  /** Number of attempts before `attempts`. */
  readonly earlier: number
}

/** Attempts in a record. A request that was held for hours may have had many more. */
const MOST_ATTEMPTS = 12
/** Characters of an error message. */
const LONGEST_ERROR = 600

export function decisionOf(event: RequestEvent, id: number): Decision {
  const { start, client, route, status, error, retained, bodySize, responseSize, heartbeats, steps } = event
  const { attempts, cached, parts } = event
  const earlier = Math.max(0, attempts.length - MOST_ATTEMPTS)
  return {
    id,
    start,
    fate: fateOf(event),
    kind: kindOf(event.classification),
    cached,
    parts,
    job: jobView(event.classification),
    client,
    route,
    status,
    error,
    retained,
    bodySize,
    responseSize,
    heartbeats,
    steps,
    attempts: earlier === 0 ? attempts : attempts.slice(earlier),
    earlier,
  }
}

export function fateOf({ outcome, attempts, error, status, cached, parts }: RequestEvent): Fate {
  if (parts !== undefined && status !== undefined) return fateOfSplit(status)
  if (cached !== undefined) return cached === 'fresh' ? 'answered' : 'rescued'
  if (outcome?.kind === 'answered') {
    if (outcome.status >= 400) return outcome.status >= 500 ? 'failed' : 'job-failed'
    return attempts.length > 1 && attempts.some(hasFailed) ? 'rescued' : 'answered'
  }
  if (outcome?.kind === 'client-left' || codeOf(error) === 'client-left') return 'left'
  if (outcome?.kind === 'body-failed') return status === undefined ? 'left' : 'refused'
  return attempts.length > 0 ? 'failed' : 'refused'
}

function fateOfSplit(status: number): Fate {
  if (status < 400) return 'answered'
  return status < 500 ? 'job-failed' : 'failed'
}

/** The code of an error. Not by `instanceof RouterError`: a program that both imports and requires core has two such classes. */
function codeOf(error: Error | undefined): string | undefined {
  return error !== undefined && 'code' in error ? String(error.code) : undefined
}

function hasFailed({ outcome }: AttemptRecord): boolean {
  return outcome.kind === 'failed' || outcome.kind === 'passed-over'
}

/** The verdict of an attempt that was not good, or the cause of its failure; `undefined` if the backend and the job are fine. */
export function faultOf(outcome: Outcome): string | undefined {
  if (outcome.kind === 'failed') return outcome.cause === 'shutdown' ? undefined : outcome.cause
  if (outcome.kind !== 'answered' && outcome.kind !== 'passed-over') return undefined
  return outcome.verdict.kind === 'good' ? undefined : outcome.verdict.kind
}

export function decisionView(decision: Decision): DecisionView {
  const { id, start, fate, kind, cached, job, client, route, status, error, steps, attempts, earlier } =
    decision
  const { bodySize, responseSize, heartbeats, retained, parts } = decision
  return {
    id,
    at: rounded(start),
    fate,
    kind,
    cached,
    parts,
    job,
    client,
    route,
    status,
    error: error && shorten(error.message, LONGEST_ERROR),
    code: codeOf(error),
    bodySize,
    responseSize,
    heartbeats,
    retained,
    classify: optional(steps.classify),
    queue: rounded(steps.queue),
    hold: rounded(steps.hold),
    firstByte: optional(steps.firstByte),
    total: rounded(steps.total),
    attempts: attempts.map((attempt) => attemptView(attempt, start)),
    earlier: earlier > 0 ? earlier : undefined,
  }
}

function attemptView(attempt: AttemptRecord, arrival: number): AttemptView {
  const { backend, endpoint, start, time, connect, firstByte, outcome, hedge } = attempt
  return {
    backend,
    endpoint,
    start: rounded(start - arrival),
    time: rounded(time),
    connect: optional(connect),
    firstByte: optional(firstByte),
    outcome: outcome.kind,
    status: 'status' in outcome ? outcome.status : undefined,
    cause: causeOf(outcome),
    hedge,
  }
}

function causeOf(outcome: Outcome): string | undefined {
  if (outcome.kind === 'failed') return outcome.cause
  const isJudged = outcome.kind === 'passed-over' || outcome.kind === 'answered'
  return isJudged && 'reason' in outcome.verdict ? outcome.verdict.reason : undefined
}

function optional(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : rounded(milliseconds)
}
