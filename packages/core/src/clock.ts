import { performance } from 'node:perf_hooks'

/** A source of time that tests can replace. */
export interface Clock {
  /** Milliseconds since a fixed moment; never decreases. */
  now(): number
  /** Calls back once after a delay; returns a function that cancels it. The timer does not keep the process alive. */
  after(milliseconds: number, callback: () => void): () => void
  /** Use of the event loop. Without it, delays of the event loop count as time of the backend. */
  loop?(): LoopUse
}

/** Use of an event loop since a fixed moment. */
export interface LoopUse {
  /** Milliseconds in which it had work, or waited for the CPU. */
  readonly busy: number
  /** Number of turns. */
  readonly turns: number
}

/** Longer timers overflow in Node and fire at once. */
export const LONGEST_TIMER = 2 ** 31 - 1

/** Keeps the last use of the event loop for 1 ms, since reading it takes as long as several calls of `now()`. */
function readLoopUse(): () => LoopUse {
  let read = Number.NEGATIVE_INFINITY
  let use: LoopUse = { busy: 0, turns: 0 }
  return () => {
    const now = performance.now()
    if (now - read < 1) return use
    read = now
    const { idleTime, uvMetricsInfo } = performance.nodeTiming
    use = { busy: now - idleTime, turns: uvMetricsInfo.loopCount }
    return use
  }
}

/**
 * How much of the time that a request took it spent on something else than to wait for our own event loop: at least so
 * long the backend has had it.
 *
 * What the loop did in the turns that a request needs, the request may have had to wait for. In the turns beyond these it
 * had nothing to do there, and waited for the backend, however busy the loop was.
 *
 * @param time Milliseconds.
 */
export function beyondLoop(time: number, before: LoopUse, after: LoopUse): number {
  const busy = after.busy - before.busy
  const turns = after.turns - before.turns
  const waited = turns > TURNS ? (TURNS / turns) * busy : busy
  return Math.max(time - waited, Math.min(time, LEAST))
}

/** Turns in which a request goes on: its connection opens, its body goes out in some pieces, its answer comes. */
const TURNS = 8
/** Something it takes, and all other times are related to it. */
const LEAST = 0.1

/** The time of the system. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(milliseconds, LONGEST_TIMER))
    timer.unref()
    return () => clearTimeout(timer)
  },
  loop: readLoopUse(),
}

/**
 * Calls back at a time of the clock.
 *
 * @param time `Infinity` for never.
 * @returns Cancels the callback.
 */
export function callAt(clock: Clock, time: number, callback: () => void): (() => void) | undefined {
  if (time === Number.POSITIVE_INFINITY) return undefined
  return clock.after(Math.max(0, time - clock.now()), callback)
}
