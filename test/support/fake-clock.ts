import type { Clock } from '@immich-ml-router/core'

/** A clock that a test advances by hand. */
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

  /** Number of timers that have neither run nor been cancelled. */
  get pending(): number {
    return this.#timers.length
  }

  /** Advances the time without running timers. */
  shift(milliseconds: number): void {
    this.#now += milliseconds
  }

  /** Advances the time and runs the due timers in order. */
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
