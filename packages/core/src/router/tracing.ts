import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BackendInfo } from '../backend/backend-view.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Classification } from '../classify/classification.ts'
import { type ErrorCode, RouterError } from '../errors.ts'
import type { AttemptHeaders } from '../forward/forward-request.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { HoldEvent, Lease } from '../routing/lease.ts'

/**
 * Follows requests through the router. It is called as things happen, and must not throw. `@immich-ml-router/core/tracing` makes one of OpenTelemetry.
 */
export interface Tracing {
  /** A predict request arrived. */
  begin(req: IncomingMessage): RequestTrace
}

/** Follows one request. */
export interface RequestTrace {
  /** It was classified. */
  classified(classification: Classification): void
  /** It begins to wait. @returns A function that is called when the wait ends. */
  wait(reason: HoldEvent['reason']): () => void
  /** It is about to be sent to a backend. */
  attempt(attempt: AttemptStart): AttemptTrace
  /** It is over; the last call. */
  end(end: RequestEnd): void
}

/** An attempt that is about to be made. */
export interface AttemptStart {
  readonly backend: BackendInfo
  /** How many there were before it, of this request. */
  readonly before: number
  /** Whether it is a hedge: sent in parallel because an earlier attempt is late. */
  readonly hedge: boolean
}

/** Follows one attempt. */
export interface AttemptTrace extends AttemptHeaders {
  /** Calls what sends the request. */
  run<T>(send: () => T): T
  /** It is over; the last call. @param record `undefined` when a bug ended it. */
  end(record: AttemptRecord | undefined): void
}

/** The result of a request. Times are in milliseconds. */
export interface RequestEnd {
  /** The status that the client got, or would have got; `undefined` when it got none. */
  readonly status: number | undefined
  /** Name of the route, `undefined` when none was chosen. */
  readonly route: string | undefined
  readonly backend: BackendInfo | undefined
  /** That of the last attempt; `undefined` when nothing was sent to a backend. */
  readonly outcome: Outcome | undefined
  /** The error that the router answered with, if it did. */
  readonly error: Error | undefined
  /** The code of that answer. */
  readonly code: ErrorCode | undefined
  readonly attempts: number
  /** Waiting for a slot of backends that were full. */
  readonly queue: number
  /** Waiting for backends that could not be used. */
  readonly hold: number
  /** Heartbeats that the client was sent. */
  readonly heartbeats: number
}

/** Makes an attempt that is followed. */
export async function followAttempt<T extends { readonly outcome: Outcome }>(
  trace: AttemptTrace,
  send: () => Promise<T>,
  { record }: { readonly record: (outcome: Outcome) => AttemptRecord },
): Promise<T> {
  let ended: Outcome | undefined
  try {
    const result = await trace.run(send)
    ended = result.outcome
    return result
  } finally {
    trace.end(ended && record(ended))
  }
}

/** A request that was classified, as far as it has come. */
interface Followed extends Pick<RequestEnd, 'outcome' | 'heartbeats'> {
  readonly res: ServerResponse
  readonly lease: Pick<Lease, 'route' | 'backend'> | undefined
  readonly waited: Readonly<Record<HoldEvent['reason'], number>>
}

/**
 * The end of a request.
 *
 * @param followed `undefined` when it ended before it was classified.
 * @param attempts How many were begun.
 */
export function endOf(
  followed: Followed | undefined,
  attempts: number,
  error: Error | undefined,
): RequestEnd {
  const { res, lease, outcome, waited, heartbeats = 0 } = followed ?? {}
  const isAnswered = res?.writableFinished === true || outcome?.reachedClient === true
  // An error of another kind is a bug.
  const refusal = error === undefined || error instanceof RouterError ? error : BUG
  const refusedWith = res?.destroyed === true ? undefined : refusal?.status
  return {
    status: isAnswered ? res?.statusCode : refusedWith,
    code: refusal?.code,
    route: lease?.route,
    backend: lease?.backend,
    outcome,
    error,
    attempts,
    queue: waited?.full ?? 0,
    hold: waited?.unavailable ?? 0,
    heartbeats,
  }
}

const BUG = { status: 500, code: 'internal' } as const
