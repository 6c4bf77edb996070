import type { LoopUse } from '../../clock.ts'

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
