import type { Fate, JobKind } from '../../src/wire.ts'
import type { Model } from '../model.ts'
import type { PlotMark, Timeline } from './chart.ts'

/** What happened in one bucket of a plot. */
export interface Bucket {
  readonly fates: { readonly [fate in Fate]?: number | undefined }
  readonly latencies: {
    readonly [kind in JobKind]?: { readonly p50?: number; readonly p95: number } | undefined
  }
  readonly backends: Readonly<Record<string, { readonly jobs: number; readonly busy?: number | undefined }>>
}

/** The buckets of a plot. */
export interface Buckets {
  readonly timeline: Timeline
  /** `undefined` for a bucket without requests. */
  readonly all: readonly (Bucket | undefined)[]
  /** Milliseconds that a bucket has lasted so far; only the last one is shorter. */
  lengthOf(bucket: number): number
}

/** Shortest time over which the rate of the current bucket is computed, as a part of its length. */
const LEAST_PART = 0.4

/** The last 15 minutes. */
export function recentBuckets({ store, now, wallOf }: Model, marks: readonly PlotMark[]): Buckets {
  const { span, spans } = store.limits
  const first = store.lastSpan(now) - spans + 1
  const starts = Array.from({ length: spans }, (_, i) => wallOf((first + i) * span))
  return {
    timeline: { name: '15 minutes', starts, step: span, marks },
    all: store.spansUntil(now),
    lengthOf: (bucket) => (bucket === spans - 1 ? Math.max(LEAST_PART * span, now % span) : span),
  }
}

/** The last 24 hours. */
export function dayBuckets({ store, now, wallOf }: Model, marks: readonly PlotMark[]): Buckets {
  const { day, bucket: step } = store.limits
  const wall = wallOf(now)
  const count = Math.round(day / step)
  const last = Math.floor(wall / step) * step
  const starts = Array.from({ length: count }, (_, i) => last - (count - 1 - i) * step)
  const byStart = new Map(store.day.map((bucket) => [bucket.at, bucket]))
  return {
    timeline: { name: '24 hours', starts, step, marks },
    all: starts.map((start) => byStart.get(start)),
    lengthOf: (bucket) => (bucket === count - 1 ? Math.max(LEAST_PART * step, wall - last) : step),
  }
}
