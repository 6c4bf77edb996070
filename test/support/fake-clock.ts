import type { Clock } from '@immich-ml-router/core'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** A clock that a test advances by hand. */
export class FakeClock implements Clock {
  #now = 0
  /** By time; timers for the same time in the order in which they were set. */
  readonly #timers: Timer[] = []

  now(): number {
    return this.#now
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback }
    this.#timers.splice(this.#placeAfter(timer.at), 0, timer)
    return () => {
      const place = this.#timers.lastIndexOf(timer, this.#placeAfter(timer.at) - 1)
      if (place >= 0) this.#timers.splice(place, 1)
    }
  }

  /** Number of timers that have neither run nor been cancelled. */
  get pending(): number {
    return this.#timers.length
  }

  /** Advances the time without running timers. */
  shift(milliseconds: number): void {
    this.#now += milliseconds
  }

  /** Advances the time and runs the due timers in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    while ((this.#timers[0]?.at ?? Number.POSITIVE_INFINITY) <= end) this.step()
    this.#now = Math.max(this.#now, end)
  }

  /**
   * Advances the time to the next timer and runs it.
   *
   * @returns Whether there was one.
   */
  step(): boolean {
    const timer = this.#timers.shift()
    if (timer === undefined) return false
    this.#now = Math.max(this.#now, timer.at)
    timer.callback()
    return true
  }

  /** The place of the first timer that is later than `at`. */
  #placeAfter(at: number): number {
    let [low, high] = [0, this.#timers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#timers[middle]?.at ?? Number.POSITIVE_INFINITY) > at) high = middle
      else low = middle + 1
    }
    return low
  }
}
