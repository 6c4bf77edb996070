import type { Clock } from '@immich-ml-router/core'

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #now = 0
  #timers: { readonly at: number; readonly callback: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Timers that have been set and neither run nor been called off. */
  get pending(): number {
    return this.#timers.length
  }

  /** Moves on, and runs nothing. */
  shift(milliseconds: number): void {
    this.#now += milliseconds
  }

  /** Moves on, and runs what is due in its order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
    }
    this.#now = Math.max(this.#now, end)
  }
}
