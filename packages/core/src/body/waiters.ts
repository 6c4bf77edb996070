import { removeItem } from '../remove-item.ts'

/** The readers that wait for more of a body. */
export class Waiters {
  #waiting: (() => void)[] = []
  /** Whether readers were woken for a small chunk in this turn of the event loop. */
  #wokenInTurn = false
  /** Whether more small chunks arrived in this turn. */
  #hasMore = false

  get any(): boolean {
    return this.#waiting.length > 0
  }

  add(wake: () => void): void {
    if (!this.#waiting.includes(wake)) this.#waiting.push(wake)
  }

  remove(wake: () => void): void {
    removeItem(this.#waiting, wake)
  }

  wakeAll(): void {
    this.#hasMore = false
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const wake of waiting) wake()
    // A long-lived array must not retain readers (docs/decisions/0013).
    waiting.length = 0
  }

  /**
   * Wakes readers for a small chunk: at once for the first chunk in a turn of the event loop, and at the end of the turn for all
   * others. So a reader gets the small chunks of one socket read together; Node drains the `nextTick` queue after each chunk.
   */
  wakeForSmall(): void {
    if (this.#wokenInTurn) {
      this.#hasMore = true
      return
    }
    this.#wokenInTurn = true
    this.wakeAll()
    setImmediate(() => {
      this.#wokenInTurn = false
      if (this.#hasMore) this.wakeAll()
    })
  }
}
