import type { Outcome } from '../backend/outcome.ts'

/** When an attempt reached its steps, on the clock; written while the attempt runs. */
export interface AttemptMarks {
  /** It had a connection. */
  connected?: number | undefined
  /** The head of the backend's answer arrived. */
  answered?: number | undefined
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
