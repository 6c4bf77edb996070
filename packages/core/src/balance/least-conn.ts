import type { Backend } from '../backend/backend.ts'
import { first } from './first.ts'
import { allLeastBy, rankedBy } from './least-by.ts'
import type { Strategy } from './strategy.ts'

/** The backend with the fewest requests in flight for its weight, counting the one to be sent; the first of equals. */
export function leastConn(): Strategy {
  const { pick, rank } = first()
  return {
    pick: (candidates, job) => pick(allLeastBy(candidates, loadOf), job),
    rank(candidates, job) {
      const inOrder = rank(candidates, job).map(({ backend }) => backend)
      return rankedBy(inOrder, loadOf).map((backend) => {
        const { inFlight, weight } = backend
        const words =
          weight === 1 ? `${inFlight} in flight` : `${inFlight} in flight for its weight of ${weight}`
        return { backend, score: loadOf(backend), words }
      })
    },
  }
}

function loadOf({ inFlight, weight }: Backend): number {
  return (inFlight + 1) / weight
}
