import type { Backend } from '../backend/backend.ts'

/** Chooses one of the backends that may take a request. One object a route; it may keep state between picks. */
export interface Strategy {
  /** Whether an earlier candidate is always better than a later one. */
  readonly ordered?: boolean
  /**
   * @param candidates The backends of the route that can take the request, in the route's order; never empty.
   * @returns One of them.
   */
  pick(candidates: readonly [Backend, ...Backend[]]): Backend
}
