import { leastBy } from './least-by.ts'
import type { Strategy } from './strategy.ts'

/** The backend with the fewest requests in flight for its weight, counting the one to be sent; the first of equals. */
export function leastConn(): Strategy {
  return { pick: (candidates) => leastBy(candidates, (backend) => (backend.inFlight + 1) / backend.weight) }
}
