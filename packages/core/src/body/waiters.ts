import { removeItem } from '../remove-item.ts'

/** The readers that wait for more of a body. */
export class Waiters {
  #waiting: (() => void)[] = []
  /** Whether readers were woken for a small chunk in this turn. */
  #woken = false
  /** Whether more small chunks have arrived since. */
  #untold = false

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
    this.#untold = false
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const wake of waiting) wake()
    // An array that lives on must not keep readers that are done (docs/decisions/0013).
    waiting.length = 0
  }

  /**
   * Wakes readers for a small chunk: at once for the first in a turn of the event loop, and at its end for all others. So a reader
   * gets those together that came in one read of the socket. (Node drains the queue of `nextTick` behind each of them.)
   */
  wakeForSmall(): void {
    if (this.#woken) {
      this.#untold = true
      return
    }
    this.#woken = true
    this.wakeAll()
    setImmediate(() => {
      this.#woken = false
      if (this.#untold) this.wakeAll()
    })
  }
}
