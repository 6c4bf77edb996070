import type { Strategy } from './strategy.ts'
import { fullness, Turns } from './turns.ts'

/** Turns in proportion to the weights among the backends that are free. */
export function weightedRoundRobin(): Strategy {
  const turns = new Turns()
  return {
    rank: (candidates) =>
      turns.rank(candidates, fullness).map(({ backend }) => {
        const due = turns.due(backend)
        return { backend, score: -due, reason: () => `${Math.round(due * 100) / 100} turns to its credit` }
      }),
    picked: (backend) => turns.picked(backend),
  }
}
