import type { Clock } from '@immich-ml-router/core'

interface Timer {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/** Time that jumps from one event to the next. Everything that a callback starts is over before the next one runs. */
export class SimClock implements Clock {
  #now = 0
  #order = 0
  /** The next one last. */
  readonly #timers: Timer[] = []

  now(): number {
    return this.#now
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, milliseconds), order: this.#order++, callback }
    this.#timers.splice(this.#placeOf(timer), 0, timer)
    return () => {
      const place = this.#placeOf(timer)
      if (this.#timers[place] === timer) this.#timers.splice(place, 1)
    }
  }

  /** Runs until there is nothing left to do, or `until` says so. */
  async run(until: () => boolean): Promise<void> {
    // What was started before the first event must be over, too.
    await new Promise(setImmediate)
    while (!until()) {
      const timer = this.#timers.pop()
      if (timer === undefined) return
      this.#now = timer.at
      timer.callback()
      await new Promise(setImmediate)
    }
  }

  /** The first place whose timer is not after this one. */
  #placeOf({ at, order }: Timer): number {
    let [low, high] = [0, this.#timers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#timers[middle]
      if (other !== undefined && (other.at > at || (other.at === at && other.order > order))) low = middle + 1
      else high = middle
    }
    return low
  }
}
