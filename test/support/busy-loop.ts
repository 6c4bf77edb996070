import type { Clock } from '@immich-ml-router/core'

/** A simulated event loop. Each turn runs, in order, the work that was added during the previous turn. */
export class BusyLoop {
  readonly #clock: Clock
  #due: { readonly cost: number; readonly work: () => void }[] = []
  #turning = false
  #busy = 0
  #turns = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A clock that also reports how busy this loop is. */
  get clock(): Clock {
    return {
      now: () => this.#clock.now(),
      after: (milliseconds, callback) => this.#clock.after(milliseconds, callback),
      loop: () => ({ busy: this.#busy, turns: this.#turns }),
    }
  }

  /** Adds work that occupies the loop for `cost` milliseconds. */
  do(cost: number, work: () => void): void {
    this.#due.push({ cost, work })
    if (!this.#turning) this.#turn()
  }

  #turn(): void {
    this.#turning = this.#due.length > 0
    if (!this.#turning) return
    this.#turns++
    const [...now] = this.#due.splice(0)
    const next = () => {
      const event = now.shift()
      if (event === undefined) return this.#turn()
      this.#clock.after(event.cost, () => {
        this.#busy += event.cost
        event.work()
        next()
      })
    }
    next()
  }
}
