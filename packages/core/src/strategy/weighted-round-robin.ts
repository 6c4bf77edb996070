import type { Backend } from '../backend/backend.ts'
import { leastBy } from './least-by.ts'
import type { Strategy } from './strategy.ts'

/**
 * Turns in proportion to the weights, spread as evenly as they can be: nginx's smooth weighted round robin
 * (https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1). Weights 5, 1, 1 give a a b a c a a.
 */
export function weightedRoundRobin(): Strategy {
  const credit = new WeakMap<Backend, number>()
  return {
    pick(candidates) {
      let total = 0
      for (const backend of candidates) {
        total += backend.weight
        credit.set(backend, (credit.get(backend) ?? 0) + backend.weight)
      }
      const picked = leastBy(candidates, (backend) => -(credit.get(backend) ?? 0))
      credit.set(picked, (credit.get(picked) ?? 0) - total)
      return picked
    },
  }
}
