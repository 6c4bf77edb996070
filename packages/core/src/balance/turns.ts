import type { BackendView } from '../backend/backend-view.ts'
import { rankedBy } from './ranked-by.ts'
import type { Candidate } from './strategy.ts'

/**
 * Turns in proportion to the weights, spread as evenly as possible: nginx's smooth weighted round robin
 * (https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1). Weights 5, 1, 1 give a a b a c a a.
 */
export class Turns {
  readonly #credit = new WeakMap<BackendView, number>()
  /** By the backend that was ranked first: itself and its equals. */
  readonly #equals = new WeakMap<BackendView, readonly Candidate[]>()

  /** The turns a backend is owed, the next one included. */
  due(backend: BackendView): number {
    return (this.#credit.get(backend) ?? 0) + backend.weight
  }

  /** Ranks by these scores. Candidates with equal scores take turns, which {@link Turns.picked} counts. */
  rank<T extends Candidate>(
    candidates: readonly T[],
    ...scores: readonly ((candidate: T) => number)[]
  ): readonly T[] {
    const ranked = rankedBy(candidates, ...scores, ({ backend }) => -this.due(backend))
    const [best] = ranked
    if (best === undefined) return ranked
    const ofBest = scores.map((score) => score(best))
    const isEqual = (it: T) => scores.every((score, i) => score(it) === ofBest[i])
    this.#equals.set(best.backend, ranked.length === 1 ? ranked : candidates.filter(isEqual))
    return ranked
  }

  /** The backend takes its turn among its equals of the last ranking that it led. */
  picked(backend: BackendView): void {
    let total = 0
    for (const equal of this.#equals.get(backend) ?? []) {
      total += equal.backend.weight
      this.#credit.set(equal.backend, this.due(equal.backend))
    }
    this.#credit.set(backend, (this.#credit.get(backend) ?? 0) - total)
  }
}

/** Ranks free candidates before full ones. */
export function fullness({ isFull }: Candidate): number {
  return isFull ? 1 : 0
}
