import type { BackendView } from '../backend/backend-view.ts'
import { rankedBy } from './ranked-by.ts'
import type { Strategy } from './strategy.ts'
import { fullness } from './turns.ts'

/** Each backend in turn: the one whose last turn is longest ago, so the order stays even when some are left out. */
export function roundRobin(): Strategy {
  const lastTurn = new WeakMap<BackendView, number>()
  let turn = 0
  return {
    rank: (candidates) =>
      rankedBy(candidates, fullness, ({ backend }) => lastTurn.get(backend) ?? 0).map(({ backend }) => {
        const last = lastTurn.get(backend) ?? 0
        const age = turn + 1 - last
        const reason = () => (last === 0 ? 'has had no turn yet' : `its last turn was ${age} before this`)
        return { backend, score: last, reason }
      }),
    picked: (backend) => void lastTurn.set(backend, ++turn),
  }
}
