import type { Clock } from '@immich-ml-router/core'

/** An event loop of its own time: in each turn it does what has come up since the one before, one after the other. */
export class BusyLoop {
  readonly #clock: Clock
  #due: { readonly cost: number; readonly work: () => void }[] = []
  #turning = false
  #busy = 0
  #turns = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The clock as it is in this loop. */
  get clock(): Clock {
    return {
      now: () => this.#clock.now(),
      after: (milliseconds, callback) => this.#clock.after(milliseconds, callback),
      loop: () => ({ busy: this.#busy, turns: this.#turns }),
    }
  }

  /** Something has come up that takes the loop so many milliseconds. */
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
