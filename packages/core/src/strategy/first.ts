import { allLeastBy } from './least-by.ts'
import type { Strategy } from './strategy.ts'
import { weightedRoundRobin } from './weighted-round-robin.ts'

/**
 * The first backend of the route that can take the request. Its endpoints are equals: of these it is the one with the
 * fewest requests in flight for its weight, and where these are as many, they take turns in proportion to their weights.
 */
export function first(): Strategy {
  const turns = weightedRoundRobin()
  return {
    ordered: true,
    pick(candidates, job) {
      const [best, next] = candidates
      if (next?.name !== best.name) return best
      const idlest = allLeastBy(candidates, ({ name, inFlight, weight }) =>
        name === best.name ? inFlight / weight : Number.POSITIVE_INFINITY,
      )
      return turns.pick(idlest, job)
    },
  }
}
