import type { Fate, Fates, JobKind, Latencies } from './requests.ts'

/** Counts of 10 s. */
export interface SpanView {
  /** Number of the span, from zero on the router's clock. */
  readonly index: number
  readonly fates: Fates
  readonly latencies: Latencies
  /** By name: the backends with jobs, or with requests in flight. */
  readonly backends: Readonly<Record<string, SpanBackend>>
}

export interface SpanBackend {
  /** Completed requests whose last attempt went there. */
  readonly jobs: number
  /** Share of the time with at least one request in flight, from 0 to 1; of several endpoints, the mean. */
  readonly busy: number
  /** The concurrency limit at the end, of all endpoints; absent without a limit. */
  readonly limit?: number | undefined
}

/** Consecutive bulk work: every job except searches. Its times are those of `Date.now()`. */
export interface RunView {
  /** Arrival of the first job. Identifies the run. */
  readonly start: number
  /** End of the last job; absent while the run continues. */
  readonly end?: number | undefined
  /** Completed jobs. */
  readonly jobs: number
  /** Jobs per second, from the start to the end of the last job. */
  readonly rate: number
  /** Completed jobs by kind. */
  readonly kinds: { readonly [kind in JobKind]?: number | undefined }
  /** Jobs without a good answer: failed, refused, answered with 4xx, or the client disconnected. */
  readonly failures: number
  /** The eight with the most jobs, of the backends of last attempts. */
  readonly backends: Readonly<Record<string, BusyView>>
  /** Jobs that are still to come; absent when unknown. */
  readonly remaining?: number | undefined
  /** Absent when unknown. */
  readonly expectedEnd?: number | undefined
}

/** What one backend did in a time. */
export interface BusyView {
  /** Completed requests. */
  readonly jobs: number
  /** Share of the time with at least one request in flight, from 0 to 1; absent when not measured. */
  readonly busy?: number | undefined
}

/** Counts of 5 minutes. */
export interface BucketView {
  /** Start, as `Date.now()`. Identifies the bucket. */
  readonly at: number
  /** Completed requests by fate, without zeros. */
  readonly fates: { readonly [fate in Fate]?: number | undefined }
  /** 95th percentile of answered requests. */
  readonly latencies: {
    readonly [kind in JobKind]?: { readonly count: number; readonly p95: number } | undefined
  }
  /** The eight with the most requests, of the backends of last attempts. */
  readonly backends: Readonly<Record<string, BusyView>>
}

/** Something that happened to the router or to a backend. */
export interface EventView {
  /** Sequence number since the start. */
  readonly id: number
  /** As `Date.now()`. */
  readonly at: number
  readonly kind: /** The router started. */
    | 'started'
    /** Other options were applied. */
    | 'reloaded'
    /** A backend no longer answers probes, or answers them again. */
    | 'down'
    | 'up'
    /** A backend answers probes again, after its machine was woken. */
    | 'woken'
    /** A backend gets no requests for a while, or a task of it; `recovered` when it gets all again. */
    | 'ejected'
    | 'recovered'
    | 'drained'
    | 'enabled'
  readonly backend?: string | undefined
  /** Address, when the backend has several. */
  readonly endpoint?: string | undefined
  /** The task that is ejected or recovered; absent for the whole backend. */
  readonly task?: string | undefined
  readonly reason?: string | undefined
}
