import { allLeastBy, rankedBy } from './least-by.ts'
import type { RankingStrategy } from './strategy.ts'
import { weightedRoundRobin } from './weighted-round-robin.ts'

/**
 * The first backend of the route that can take the request. Its endpoints are equals: of these it is the one with the
 * fewest requests in flight for its weight, and where these are as many, they take turns in proportion to their weights.
 */
export function first(): RankingStrategy {
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
    rank(candidates, job) {
      const names = [...new Set(candidates.map(({ name }) => name))]
      const inTurn = turns.rank(candidates, job).map(({ backend }) => backend)
      const ranked = rankedBy(
        inTurn,
        ({ name }) => names.indexOf(name),
        ({ inFlight, weight }) => inFlight / weight,
      )
      return ranked.map((backend) => {
        const place = names.indexOf(backend.name)
        const words = `number ${place + 1} of the list`
        if (backend.endpoint === undefined) return { backend, score: place, words }
        return { backend, score: place, words: `${words}, ${backend.inFlight} in flight there` }
      })
    },
  }
}
