import type { HoldEvent } from './lease.ts'

/** A request that waits, as its route counts it. */
export interface Counted {
  /** Why it began to wait. */
  readonly reason: HoldEvent['reason']
  readonly isInteractive: boolean
}

/** The requests that wait on a route, counted by reason and class. */
export class RouteWaits<W extends Counted> {
  readonly #all = new Set<W>()
  readonly #heldBulk = new Set<W>()
  readonly #held = new Set<W>()

  add(wait: W): void {
    this.#all.add(wait)
    if (wait.reason !== 'unavailable') return
    this.#held.add(wait)
    if (!wait.isInteractive) this.#heldBulk.add(wait)
  }

  delete(wait: W): void {
    this.#all.delete(wait)
    this.#held.delete(wait)
    this.#heldBulk.delete(wait)
  }

  get size(): number {
    return this.#all.size
  }

  get held(): number {
    return this.#held.size
  }

  get heldBulk(): number {
    return this.#heldBulk.size
  }

  [Symbol.iterator](): Iterator<W> {
    return this.#all.values()
  }
}
