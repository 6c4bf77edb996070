import type { Outcome } from '../backend/outcome.ts'
import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import type { Lease } from '../routing/lease.ts'

/** When an attempt reached its steps, on the clock; written while the attempt runs. */
export interface AttemptMarks {
  /** It had a connection. */
  connected?: number
  /** The head of the backend's answer arrived. */
  answered?: number
  /** Bytes of the answer's body that have arrived so far. */
  received: number
}

/** A completed attempt. */
export interface AttemptRecord {
  /** Name of the backend. */
  readonly backend: string
  /** Its base URL, without credentials: after a reload, the same name may stand for another server. */
  readonly url: string
  /** The address, when the backend has several. */
  readonly endpoint: string | undefined
  readonly outcome: Outcome
  /** When it began, on the clock. */
  readonly start: number
  /** How long it took, in milliseconds. */
  readonly time: number
  /** From its start until it had a connection, in milliseconds; `undefined` when it got none. */
  readonly connect: number | undefined
  /** From its start until the head of the backend's answer, in milliseconds; `undefined` when none arrived. */
  readonly firstByte: number | undefined
  /** Bytes of the answer's body that arrived. */
  readonly received: number
  /** Whether the backend had other requests when the attempt ended, or had failed recently: then this request may not be at fault. */
  readonly inCompany: boolean
  /** Whether it was a hedge: sent in parallel because an earlier attempt was late. */
  readonly hedge: boolean
}

/** An attempt that runs. */
export interface AttemptRecorder {
  /** Set as the attempt proceeds. */
  readonly marks: AttemptMarks
  /** The record of the attempt, if it ended now with this outcome. */
  readonly record: (outcome: Outcome) => AttemptRecord
}

/**
 * Starts to record an attempt.
 *
 * @param before Completed attempts of the same request.
 */
export function recordAttempt(
  { backend }: Pick<Lease, 'backend'>,
  hedge: boolean,
  clock: Clock,
  before: readonly AttemptRecord[],
): AttemptRecorder {
  const { name, url, endpoint } = backend
  const { health } = backend
  const { failures } = health
  const start = clock.now()
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
  return { marks, record }
}
