import { removeItem } from '../remove-item.ts'

/** The readers that wait for more of a body. */
export class Waiters {
  #waiting: (() => void)[] = []

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
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const wake of waiting) wake()
    // A long-lived array must not retain readers (docs/decisions/0013).
    waiting.length = 0
  }
}
