import type { Clock } from '../clock.ts'

/**
 * Barks once when nothing has happened for a time.
 *
 * Keeping it quiet costs no timer: the one that runs looks, when it is over, how much time is left. So a request that is
 * quickly done sets a single timer, whatever the phases that it goes through.
 */
export class Watchdog {
  readonly #clock: Clock
  readonly #bark: () => void
  #limit: number
  #last: number
  #cancel: (() => void) | undefined
  /** When the timer that runs is over. */
  #looksAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, limit: number, bark: () => void) {
    this.#clock = clock
    this.#limit = limit
    this.#bark = bark
    this.#last = clock.now()
    this.#watch()
  }

  /** Something has happened. */
  touch(): void {
    this.#last = this.#clock.now()
  }

  /** Something has happened, and from now on another limit counts. */
  restart(limit: number): void {
    this.#limit = limit
    this.touch()
    if (this.#last + limit < this.#looksAt) this.#watch()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#looksAt = Number.POSITIVE_INFINITY
  }

  #watch(): void {
    this.stop()
    const end = this.#last + this.#limit
    if (end === Number.POSITIVE_INFINITY) return
    this.#looksAt = end
    this.#cancel = this.#clock.after(end - this.#clock.now(), () => this.#look())
  }

  #look(): void {
    this.#cancel = undefined
    this.#looksAt = Number.POSITIVE_INFINITY
    if (this.#last + this.#limit > this.#clock.now()) this.#watch()
    else this.#bark()
  }
}
