import type { LatencyTracker } from './latency-tracker.ts'

/** What the due time of the first byte of an answer depends on. */
export interface Lateness {
  readonly interactive: boolean
  /** Time that a backend may take to load a model: `timeouts.load`. */
  readonly load: number
}

/** The first byte for an interactive request is late after so many milliseconds. */
export const LATE_INTERACTIVE = 2_000
/** When a copy is sent: a moment later, so that the backend is tested even if the copy is answered at once. */
export const RESCUE_AFTER = LATE_INTERACTIVE + 100
/** Before this, no answer to a bulk request is late. */
export const LATE_BULK = 10_000
/** How many times as long as nearly all others a bulk request must take. */
const MANY_TIMES = 10

/**
 * After how long without a byte of an answer a backend may be frozen. One that has not done such a job for a minute may have
 * to load its model first.
 *
 * @param at Time of the last activity of the upload, on the clock.
 */
export function lateAfter(
  latency: Pick<LatencyTracker, 'isWarm' | 'percentile' | 'longestLoad' | 'mean'>,
  kind: string,
  at: number,
  { interactive, load }: Lateness,
): number {
  if (!latency.isWarm(kind, at)) return Math.max(load, 2 * latency.longestLoad(kind))
  if (interactive) return LATE_INTERACTIVE
  return Math.max(LATE_BULK, MANY_TIMES * (latency.percentile(kind, 99) ?? latency.mean(kind) ?? 0))
}
