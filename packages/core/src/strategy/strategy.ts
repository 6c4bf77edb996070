import type { Backend } from '../backend/backend.ts'

/** What a request is, to a strategy. */
export interface Job {
  /** Its tasks, types and models: jobs of one kind take about as long. */
  readonly kind: string
  /** Its tasks and models: what a backend must have loaded. */
  readonly models: string
  /** Requests that wait for a slot and are as urgent, or more. */
  readonly queued: number
  /** Whether somebody waits for it: its priority is above 0. */
  readonly urgent: boolean
  /** How long ago the last request came, in milliseconds; 0 when it is this one. */
  readonly sinceLast: number
}

/**
 * Chooses one of the backends that may take a request. One object a route; it may keep state between picks, by backends
 * weakly: endpoints come and go.
 */
export interface Strategy {
  /** Whether an earlier candidate is always better than a later one. */
  readonly ordered?: boolean
  /** Whether it is asked about backends that are full, too: when it picks one of these, the request waits. */
  readonly waits?: boolean
  /**
   * @param candidates The backends of the route that can take the request, in the route's order; never empty. The endpoints
   * of a backend, which have its name, stand together.
   * @returns One of them.
   */
  pick(candidates: readonly [Backend, ...Backend[]], job: Job): Backend
}
