import { performance } from 'node:perf_hooks'

/** Time, so that tests can make their own. */
export interface Clock {
  /** Milliseconds from any fixed moment; never goes back. */
  now(): number
  /** Calls back once after some milliseconds, and returns what calls that off. It keeps no process alive. */
  after(milliseconds: number, callback: () => void): () => void
  /** What the event loop has done so far. Without it, nothing is taken to have waited for the loop. */
  loop?(): LoopUse
}

/** What an event loop has done since any fixed moment. */
export interface LoopUse {
  /** Milliseconds in which it had something to do, or was kept from it by other processes. */
  readonly busy: number
  /** Its turns. In each it does what has come up since the one before. */
  readonly turns: number
}

/** Longer timers overflow in Node and fire at once. */
export const LONGEST_TIMER = 2 ** 31 - 1

/** The time of the system. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(milliseconds, LONGEST_TIMER))
    timer.unref()
    return () => clearTimeout(timer)
  },
  loop() {
    const now = performance.now()
    // It takes as long as a few of these calls, and nobody needs to know any better.
    if (now - loopSeen < 1) return loopUse
    loopSeen = now
    const { idleTime, uvMetricsInfo } = performance.nodeTiming
    loopUse = { busy: now - idleTime, turns: uvMetricsInfo.loopCount }
    return loopUse
  },
}

/**
 * Calls back at a time on the clock.
 *
 * @param time `Infinity` for never.
 * @returns What calls that off.
 */
export function callAt(clock: Clock, time: number, callback: () => void): (() => void) | undefined {
  if (time === Number.POSITIVE_INFINITY) return undefined
  return clock.after(Math.max(0, time - clock.now()), callback)
}

let loopSeen = Number.NEGATIVE_INFINITY
let loopUse: LoopUse = { busy: 0, turns: 0 }
