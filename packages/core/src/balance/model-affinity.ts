import type { BackendView } from '../backend/backend-view.ts'
import { defaults } from '../config/defaults.ts'
import { keepLatest } from '../keep-latest.ts'
import { rankedBy } from './ranked-by.ts'
import type { Candidate, Strategy } from './strategy.ts'
import { fullness } from './turns.ts'

/**
 * The same backend for the same models, so that few backends load each: rendezvous hashing by task and model, in proportion
 * to the weights. With one of N backends more or less, about one model in N moves. A free backend gets at most a quarter
 * above its share of the requests in flight; beyond that, the next in the model's own order gets the request
 * (https://arxiv.org/abs/1608.01350).
 */
export function modelAffinity(): Strategy {
  const scores = new Map<string, WeakMap<BackendView, number>>()
  const scoresOf = (models: string): WeakMap<BackendView, number> => {
    const known = scores.get(models)
    if (known !== undefined) return known
    const made = new WeakMap<BackendView, number>()
    // Clients choose the names, so the memory is bounded.
    keepLatest(scores, models, made, defaults.mostKinds)
    return made
  }
  return {
    rank(candidates, { models }) {
      const known = scoresOf(models)
      const cost = ({ backend }: Candidate) => {
        const score = known.get(backend) ?? scoreOf(models, backend)
        known.set(backend, score)
        return -score * backend.weight
      }
      const most = mostOf(candidates)
      const inOrder = rankedBy(candidates, cost)
      const ranked = rankedBy(inOrder, fullness, (it) => (isBelowShare(it, most) ? 0 : 1))
      return ranked.map((candidate) => ({
        backend: candidate.backend,
        score: cost(candidate),
        reason: () => {
          const words = `number ${inOrder.indexOf(candidate) + 1} in the order of these models`
          return isBelowShare(candidate, most) ? words : `${words}, and has more than its share in flight`
        },
      }))
    },
  }
}

/** Requests that each free backend may have for a weight of 1, the one to be sent included. */
function mostOf(candidates: readonly Candidate[]): number {
  let inFlight = 1
  let weight = 0
  for (const { backend, isFull } of candidates) {
    if (isFull) continue
    inFlight += backend.inFlight
    weight += backend.weight
  }
  return (defaults.affinityBound * inFlight) / weight
}

function isBelowShare({ backend: { inFlight, weight } }: Candidate, most: number): boolean {
  return inFlight + 1 <= Math.ceil(most * weight)
}

/** Weighted rendezvous hashing: multiplied by the weight, the chance of the highest score is in proportion to it. */
function scoreOf(models: string, { id }: BackendView): number {
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
