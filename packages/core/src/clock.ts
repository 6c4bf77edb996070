/** Time, so that tests can make their own. */
export interface Clock {
  /** Milliseconds from any fixed moment; never goes back. */
  now(): number
  /** Calls back once after some milliseconds, and returns what calls that off. It keeps no process alive. */
  after(milliseconds: number, callback: () => void): () => void
}

/** Longer timers overflow in Node and fire at once. */
export const LONGEST_TIMER = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(milliseconds, LONGEST_TIMER))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
