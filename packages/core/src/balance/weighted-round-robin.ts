import type { Backend } from '../backend/backend.ts'
import { leastBy, rankedBy } from './least-by.ts'
import type { RankingStrategy } from './strategy.ts'

/**
 * Turns in proportion to the weights, spread as evenly as they can be: nginx's smooth weighted round robin
 * (https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1). Weights 5, 1, 1 give a a b a c a a.
 */
export function weightedRoundRobin(): RankingStrategy {
  const credit = new WeakMap<Backend, number>()
  const due = (backend: Backend) => (credit.get(backend) ?? 0) + backend.weight
  return {
    pick(candidates) {
      let total = 0
      for (const backend of candidates) {
        total += backend.weight
        credit.set(backend, due(backend))
      }
      const picked = leastBy(candidates, (backend) => -(credit.get(backend) ?? 0))
      credit.set(picked, (credit.get(picked) ?? 0) - total)
      return picked
    },
    rank: (candidates) =>
      rankedBy(candidates, (backend) => -due(backend)).map((backend) => ({
        backend,
        score: -due(backend),
        words: `${rounded(due(backend))} turns to its credit`,
      })),
  }
}

function rounded(turns: number): number {
  return Math.round(turns * 100) / 100
}
