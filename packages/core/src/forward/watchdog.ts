import type { Clock } from '../clock.ts'

/**
 * Calls back once when nothing has happened for a time.
 *
 * Activity resets no timer: when the timer fires, it checks how much time is left. So a quick request sets a single timer for
 * all of its phases.
 */
export class Watchdog {
  readonly #clock: Clock
  readonly #onIdle: (since: number) => void
  #limit: number
  #last = 0
  #cancel: (() => void) | undefined
  /** When the timer fires. */
  #firesAt = Number.POSITIVE_INFINITY

  /** @param onIdle Called with the time of the last activity, on the clock. */
  constructor(clock: Clock, limit: number, onIdle: (since: number) => void) {
    this.#clock = clock
    this.#limit = limit
    this.#onIdle = onIdle
    this.restart()
  }

  /** Something has happened. @param limit Applies from now on. */
  restart(limit = this.#limit, last = this.#clock.now()): void {
    this.#limit = limit
    this.#last = last
    const end = last + limit
    if (end >= this.#firesAt) return
    this.#cancel?.()
    this.#firesAt = end
    this.#cancel = this.#clock.after(end - this.#clock.now(), () => {
      this.#firesAt = Number.POSITIVE_INFINITY
      if (this.#last + this.#limit > this.#clock.now()) this.restart(this.#limit, this.#last)
      else this.#onIdle(this.#last)
    })
  }

  /** Stops for good. */
  stop(): void {
    this.#cancel?.()
    this.#firesAt = Number.NEGATIVE_INFINITY
  }
}
