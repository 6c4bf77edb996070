import { defaults } from './defaults.ts'
import { parseDuration } from './duration.ts'

/** When a request that is late is sent to another backend as well, and how often. */
export interface HedgeOptions {
  /**
   * When a request is late: milliseconds, a duration such as `300ms`, or a percentile from `p50` to `p99` of how long that
   * backend took of late for jobs of the same kind (task, type and model). By a percentile nothing is late until the
   * backend has answered 20 of the kind.
   * @default 'p95'
   */
  readonly after?: number | string | undefined
  /**
   * Further copies of one request, each `after` later than the one before and on a backend of its own.
   * @default 1
   */
  readonly max?: number | undefined
}

/** When a request is late: after so many milliseconds, or after a percentile of the backend's latencies. */
export type Lateness = { readonly time: number } | { readonly percentile: number }

/** The same as {@link HedgeOptions}, complete. */
export interface Hedge {
  readonly after: Lateness
  readonly max: number
}

/** `p50` to `p99`. */
export const PERCENTILE_PATTERN = /^p([5-9]\d)$/

/** @returns `undefined` for no further copies. */
export function resolveHedge(options: HedgeOptions | undefined): Hedge | undefined {
  if (options === undefined) return undefined
  const { after = defaults.hedgeAfter, max = defaults.hedgeMax } = options
  return { after: latenessOf(after), max }
}

function latenessOf(after: number | string): Lateness {
  const percentile = PERCENTILE_PATTERN.exec(String(after))?.[1]
  return percentile === undefined
    ? { time: parseDuration(after) ?? Number.POSITIVE_INFINITY }
    : { percentile: Number(percentile) }
}
