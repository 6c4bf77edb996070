import type { Backend } from '../backend/backend.ts'
import { leastBy } from './least-by.ts'
import type { Strategy } from './strategy.ts'

/** Each backend in turn: the one whose last turn is longest ago, which stays even when some are left out. */
export function roundRobin(): Strategy {
  const lastTurn = new WeakMap<Backend, number>()
  let turn = 0
  return {
    pick(candidates) {
      const picked = leastBy(candidates, (backend) => lastTurn.get(backend) ?? 0)
      lastTurn.set(picked, ++turn)
      return picked
    },
  }
}
