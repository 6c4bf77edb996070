import type { Clock } from '../clock.ts'
import type { Place } from './lease.ts'

/** Gives each request its place in the queue, by its arrival. */
export class Arrivals {
  readonly #clock: Clock
  #count = 0
  #last = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** When the last request arrived, on the clock. */
  get last(): number {
    return this.#last
  }

  /** The place of a request that arrives now. */
  next(): Place {
    this.#last = this.#clock.now()
    return { arrival: ++this.#count, since: this.#last }
  }

  /** The place that a request would get. */
  preview(): Place {
    return { arrival: this.#count + 1, since: this.#clock.now() }
  }
}
