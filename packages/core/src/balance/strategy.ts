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

/** What a strategy thinks of one candidate. */
export interface Rating {
  readonly backend: Backend
  /** What the strategy goes by, in a unit of its own. */
  readonly score: number
  /** The same in words, such as `expected to be done in 120 ms`. */
  readonly words: string
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
  /**
   * What `pick` would go by, for people who want to know why. It changes nothing. Without it, a decision can be explained
   * only up to the strategy.
   *
   * @returns The candidates, the one that `pick` would return first.
   */
  rank?(candidates: readonly [Backend, ...Backend[]], job: Job): readonly Rating[]
}

/** A strategy that can say why. */
export type RankingStrategy = Strategy & Required<Pick<Strategy, 'rank'>>
