import type { Clock } from '../clock.ts'

/** Barks once when nothing has happened for a time. Keeping it quiet costs no timer: it looks when its time is over. */
export class Watchdog {
  readonly #clock: Clock
  readonly #bark: () => void
  #limit: number
  #last: number
  #cancel: (() => void) | undefined

  constructor(clock: Clock, limit: number, bark: () => void) {
    this.#clock = clock
    this.#limit = limit
    this.#bark = bark
    this.#last = clock.now()
    this.#watch(limit)
  }

  /** Something has happened. */
  touch(): void {
    this.#last = this.#clock.now()
  }

  /** From now on, another limit counts. */
  restart(limit: number): void {
    this.stop()
    this.#limit = limit
    this.touch()
    this.#watch(limit)
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #watch(milliseconds: number): void {
    if (milliseconds === Number.POSITIVE_INFINITY) return
    this.#cancel = this.#clock.after(milliseconds, () => {
      const left = this.#last + this.#limit - this.#clock.now()
      if (left > 0) this.#watch(left)
      else this.#bark()
    })
  }
}
