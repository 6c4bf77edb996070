import { first } from './first.ts'
import { allLeastBy } from './least-by.ts'
import type { Strategy } from './strategy.ts'

/** The backend with the fewest requests in flight for its weight, counting the one to be sent; the first of equals. */
export function leastConn(): Strategy {
  const { pick } = first()
  return {
    pick: (candidates, job) =>
      pick(
        allLeastBy(candidates, (backend) => (backend.inFlight + 1) / backend.weight),
        job,
      ),
  }
}
