import type { Job } from '../../test/support/predict-body.ts'
import type { ServerSpec } from './pools.ts'

/** Where the load generator sends its requests. */
export type Target =
  | { readonly kind: 'one'; readonly url: string }
  /** Straight to the servers, with everything known: what nobody can know who has only URLs. */
  | { readonly kind: 'all-known'; readonly servers: readonly (ServerSpec & { readonly url: string })[] }

/** One stretch of load. */
export interface Phase {
  readonly target: Target
  /** Draws and arrivals follow from it. */
  readonly seed: string
  /** When it begins, on the machine's clock. */
  readonly begins: number
  /** How long it lasts; without, until every bulk request is done. */
  readonly seconds?: number
  /** Whether somebody searches meanwhile. */
  readonly searches: boolean
  readonly bulk?: Bulk
}

/** A closed loop: as soon as one request is done, the next one is sent. */
export interface Bulk {
  readonly inFlight: number
  /** Each with the same chance. */
  readonly jobs: readonly Job[]
  /** Requests in all; any number when not given. */
  readonly count?: number
}

/** What came of it. Times are in milliseconds. */
export interface PhaseResult {
  /**
   * From when each search was due to its answer. One that had none in the end counts with the time it had waited by then,
   * which is the least that it can be.
   */
  readonly searches: readonly number[]
  readonly unansweredSearches: number
  /** How long the bulk requests took that were answered. */
  readonly bulk: readonly number[]
  /** Units of work that were computed between begin and end, for requests that were answered. */
  readonly work: number
  /** Units of work of all bulk requests that were sent. */
  readonly drawn: number
  /** From the beginning to the last answer. */
  readonly makespan: number
  /** Answered requests by server. */
  readonly byServer: Readonly<Record<string, number>>
  /** Failed requests by what has failed. */
  readonly failures: Readonly<Record<string, number>>
  /** What the load generator itself needs: cores, and how late it is (99th percentile, and the longest that it stood still). */
  readonly generator: { readonly cores: number; readonly lateness: number; readonly pause: number }
}
