import type { Backend } from '../backend/backend.ts'
import { leastBy, rankedBy } from './least-by.ts'
import type { Strategy } from './strategy.ts'

/** Each backend in turn: the one whose last turn is longest ago, which stays even when some are left out. */
export function roundRobin(): Strategy {
  const lastTurn = new WeakMap<Backend, number>()
  const lastTurnOf = (backend: Backend) => lastTurn.get(backend) ?? 0
  let turn = 0
  return {
    pick(candidates) {
      const picked = leastBy(candidates, lastTurnOf)
      lastTurn.set(picked, ++turn)
      return picked
    },
    rank: (candidates) =>
      rankedBy(candidates, lastTurnOf).map((backend) => {
        const last = lastTurnOf(backend)
        const words = last === 0 ? 'has had no turn yet' : `its last turn was ${turn + 1 - last} before this`
        return { backend, score: last, words }
      }),
  }
}
