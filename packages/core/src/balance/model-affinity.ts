import type { Backend } from '../backend/backend.ts'
import { defaults } from '../config/defaults.ts'
import { keepLatest } from '../keep-latest.ts'
import { leastBy, rankedBy } from './least-by.ts'
import type { Strategy } from './strategy.ts'

/**
 * The same backend for the same models, so that each is loaded on few: rendezvous hashing by task and model, in
 * proportion to the weights. With one backend more or less of N, about one model in N moves. None gets more than a
 * quarter above its share of what is in flight; beyond, the next in the model's own order is taken
 * (https://arxiv.org/abs/1608.01350).
 */
export function modelAffinity(): Strategy {
  const scores = new Map<string, WeakMap<Backend, number>>()
  const scoresOf = (models: string): WeakMap<Backend, number> => {
    const known = scores.get(models)
    if (known !== undefined) return known
    const made = new WeakMap<Backend, number>()
    // Names come from clients, and must not fill the memory.
    keepLatest(scores, models, made, defaults.mostKinds)
    return made
  }
  return {
    pick(candidates, { models }) {
      const known = scoresOf(models)
      const most = mostOf(candidates)
      const [first = candidates[0], ...others] = candidates.filter((backend) => hasRoom(backend, most))
      return leastBy([first, ...others], (backend) => {
        const score = known.get(backend) ?? scoreOf(models, backend)
        known.set(backend, score)
        return -score * backend.weight
      })
    },
    rank(candidates, { models }) {
      const most = mostOf(candidates)
      const cost = (backend: Backend) => -scoreOf(models, backend) * backend.weight
      const inOrder = rankedBy(candidates, cost)
      return rankedBy(inOrder, (backend) => (hasRoom(backend, most) ? 0 : 1)).map((backend) => {
        const words = `number ${inOrder.indexOf(backend) + 1} in the order of these models`
        const full = `${words}, and has more than its share of what is in flight`
        return { backend, score: cost(backend), words: hasRoom(backend, most) ? words : full }
      })
    },
  }
}

/** How many requests each may have for a weight of 1, the one to be sent included. */
function mostOf(candidates: readonly Backend[]): number {
  let inFlight = 1
  let weight = 0
  for (const backend of candidates) {
    inFlight += backend.inFlight
    weight += backend.weight
  }
  return (defaults.affinityBound * inFlight) / weight
}

function hasRoom({ inFlight, weight }: Backend, most: number): boolean {
  return inFlight + 1 <= Math.ceil(most * weight)
}

/** Weighted rendezvous hashing: times the weight, the chance of the highest score is in proportion to it. */
function scoreOf(models: string, { id }: Backend): number {
  return -1 / Math.log((hash(`${models}\0${id}`) + 0.5) / 2 ** 32)
}

/** FNV-1a, mixed as MurmurHash3 ends, of 32 bits. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
