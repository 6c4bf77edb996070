import { constants } from '../config/constants.ts'
import type { Hold } from '../config/resolve.ts'

/** How long a request waits, in milliseconds. */
export interface Patience {
  /** For an available backend, by the class of the request; `undefined` when it is not held. */
  readonly hold: number | undefined
  /** In the queue. */
  readonly maxWait: number
}

/** The longer of both, in each respect. */
export function longer(one: Patience, other: Patience): Patience {
  return {
    hold:
      one.hold === undefined || other.hold === undefined
        ? (one.hold ?? other.hold)
        : Math.max(one.hold, other.hold),
    maxWait: Math.max(one.maxWait, other.maxWait),
  }
}

/** How many bulk requests a route holds at most: the rest of `maxHeld` is for interactive ones. */
export function mostBulkHeld({ maxHeld }: Pick<Hold, 'maxHeld'>): number {
  return maxHeld - Math.floor(maxHeld * constants.heldInteractiveShare)
}
