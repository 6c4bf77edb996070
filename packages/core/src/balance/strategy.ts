import type { BackendView } from '../backend/backend-view.ts'

/** What a strategy knows of a request. */
export interface Job {
  /** Its tasks, types and models: jobs of one kind take about as long. */
  readonly kind: string
  /** Its tasks and models: what a backend must have loaded. */
  readonly models: string
  /** Queued requests of the same or a higher urgency. */
  readonly queued: number
  /** Whether its priority is above 0. */
  readonly urgent: boolean
  /** Milliseconds since the last request arrived; 0 when it is this one. */
  readonly sinceLast: number
}

/** A backend that may get the request. */
export interface Candidate {
  readonly backend: BackendView
  /** Whether it can take the request only once a request there ends; otherwise it can take it now. */
  readonly isFull: boolean
}

/** The rank of one candidate. */
export interface Ranked {
  readonly backend: BackendView
  /** What the strategy compares, in a unit of its own; the lowest is the best. */
  readonly score: number
  /** The same in words, such as `expected to be done in 120 ms`; called for explanations only. */
  readonly reason: () => string
}

/** Chooses the backend for a request. Each route has its own instance. */
export interface Strategy {
  /**
   * Ranks the candidates, best first. The request goes to the first one, or waits for it when it is full: a strategy that
   * never waits while another candidate is free ranks the free ones first. A call changes nothing.
   *
   * @param candidates Those of the best tier, in the route's order; never empty. The endpoints of a backend share its name
   * and stand together. With `spill` none of them is full.
   */
  rank(candidates: readonly Candidate[], job: Job): readonly Ranked[]
  /** Called with the first of a ranking when the request goes there, before anything else is ranked; for strategies that keep turns. */
  picked?(backend: BackendView): void
}
