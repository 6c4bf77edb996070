import type { Clock } from '../clock.ts'

/**
 * Calls back once when nothing has happened for a time.
 *
 * Activity resets no timer: when the timer fires, it checks how much time is left. So a quick request sets a single timer for
 * all of its phases.
 */
export class Watchdog {
  readonly #clock: Clock
  readonly #onIdle: () => void
  #limit: number
  #last: number
  #cancel: (() => void) | undefined
  /** When the timer fires. */
  #firesAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, limit: number, onIdle: () => void) {
    this.#clock = clock
    this.#limit = limit
    this.#onIdle = onIdle
    this.#last = clock.now()
    this.#watch()
  }

  /** Something has happened. */
  touch(): void {
    this.#last = this.#clock.now()
  }

  /** Something has happened, and another limit applies from now on. */
  restart(limit: number): void {
    this.#limit = limit
    this.touch()
    if (this.#last + limit < this.#firesAt) this.#watch()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#firesAt = Number.POSITIVE_INFINITY
  }

  #watch(): void {
    this.stop()
    const end = this.#last + this.#limit
    if (end === Number.POSITIVE_INFINITY) return
    this.#firesAt = end
    this.#cancel = this.#clock.after(end - this.#clock.now(), () => this.#check())
  }

  #check(): void {
    this.#cancel = undefined
    this.#firesAt = Number.POSITIVE_INFINITY
    if (this.#last + this.#limit > this.#clock.now()) this.#watch()
    else this.#onIdle()
  }
}
