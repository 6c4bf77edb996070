import type { Clock } from '../../clock.ts'
import { removeItem } from '../../remove-item.ts'

/** A request in flight. */
export interface InFlight {
  /** When it began, on the clock. */
  readonly began: number
  /** How long it takes, in milliseconds, as far as one knew when it began. */
  readonly expected: number
}

/** What a backend is working on, and how long that may take. */
export class Workload {
  readonly #clock: Clock
  /** The oldest first. */
  readonly #requests: InFlight[] = []
  #expected = 0
  readonly #left: number[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many jobs are under way. */
  get size(): number {
    return this.#requests.length
  }

  /** @param expected How long it takes, in milliseconds. */
  begin(expected: number): InFlight {
    const request = { began: this.#clock.now(), expected }
    this.#requests.push(request)
    this.#expected += expected
    return request
  }

  end(request: InFlight): void {
    removeItem(this.#requests, request)
    this.#expected = this.#requests.length === 0 ? 0 : this.#expected - request.expected
  }

  /** How long all of it takes, one after the other, in milliseconds. */
  get ahead(): number {
    const [oldest] = this.#requests
    const overdue = oldest === undefined ? 0 : this.#clock.now() - oldest.began - oldest.expected
    return this.#expected + Math.max(0, overdue)
  }

  /**
   * How long it takes until so few are left that there is room for another, in milliseconds.
   *
   * @param limit How many it may have at once.
   */
  freeIn(limit: number): number {
    const now = this.#clock.now()
    const enough = Math.max(1, this.#requests.length - limit + 1)
    // Strategies ask again and again: an array for each time, and sorting all of it, is most of what that costs.
    const left = this.#left
    left.length = 0
    let leastStuck = Number.POSITIVE_INFINITY
    for (const { began, expected } of this.#requests) {
      const elapsed = now - began
      // What is stuck will not make room; where all are, it may well take as long again.
      if (elapsed > STUCK * expected) leastStuck = Math.min(leastStuck, elapsed)
      else keepLeast(left, Math.max(expected - elapsed, elapsed / 4), enough)
    }
    return left.at(-1) ?? leastStuck
  }
}

/** Inserts a number into a sorted list of the lowest numbers, which has a maximum length. */
function keepLeast(least: number[], number: number, most: number): void {
  let place = least.length
  for (; place > 0; place--) {
    const before = least[place - 1] ?? number
    if (before <= number) break
    if (place < most) least[place] = before
  }
  if (place < most) least[place] = number
}

/** What has run for so many times as long as such a job takes is stuck. */
const STUCK = 3
