/** The outcome of a request. */
export type Fate =
  /** The client got a backend's answer from the first attempt, or a fresh saved answer. */
  | 'answered'
  /** The client got a backend's answer after a failed attempt, or a stale saved answer. */
  | 'rescued'
  /** The client got a backend's answer 4xx, such as 422: the job itself is at fault. */
  | 'job-failed'
  /** All attempts failed, or the answer was 500 or above. */
  | 'failed'
  /** The router answered: body too large, queue full, no backend available. */
  | 'refused'
  /** The client disconnected. */
  | 'left'

/** A job by its name in Immich. */
export type JobKind =
  /** Text searches: a user waits for the result. */
  | 'search'
  /** Image indexing for the smart search. */
  | 'indexing'
  | 'faces'
  /** Text recognition. */
  | 'ocr'
  /** Several of these in one request, an unknown task, or an unclassified request. */
  | 'other'

/** Latencies of answered requests. Percentiles are accurate to 4.5 %. */
export interface LatencyView {
  readonly count: number
  readonly p50: number
  readonly p95: number
}

export type Latencies = { readonly [kind in JobKind]?: LatencyView | undefined }
export type Fates = Readonly<Record<Fate, number>>

/** Queued and held requests. */
export interface WaitingView {
  readonly count: number
  /** The oldest ones. */
  readonly first: readonly WaiterView[]
}

export interface WaiterView {
  readonly route: string
  /** `full`: queued, since every candidate is at its limit. `unavailable`: held, since no candidate is available. */
  readonly reason: 'full' | 'unavailable'
  /** Arrival. */
  readonly at: number
  readonly kind: JobKind
  readonly job: JobView
  readonly client?: string | undefined
}

/** The job of a request. */
export interface JobView {
  readonly entries: readonly { readonly task: string; readonly type: string; readonly model: string }[]
  /** Number of further entries. */
  readonly more?: number | undefined
  /** Why the request is unclassified. */
  readonly unclassified?: string | undefined
}

/** One completed request. */
export interface DecisionView {
  /** Sequence number. */
  readonly id: number
  /** Arrival. */
  readonly at: number
  readonly fate: Fate
  readonly kind: JobKind
  /** Set when the client got a saved answer of a text search: a fresh one, or a stale one since no backend could answer. */
  readonly cached?: 'fresh' | 'stale' | undefined
  /** Set when it was split: the number of requests that answer it, which are in the list as well. */
  readonly parts?: number | undefined
  readonly job: JobView
  readonly client?: string | undefined
  readonly route?: string | undefined
  readonly status?: number | undefined
  readonly error?: string | undefined
  /** The code of a router's error, such as `queue-full`. */
  readonly code?: string | undefined
  readonly bodySize: number
  readonly responseSize: number
  readonly heartbeats: number
  /** Whether the body was kept, so that the request could be retried. */
  readonly retained: boolean
  readonly classify?: number | undefined
  readonly queue: number
  readonly hold: number
  readonly firstByte?: number | undefined
  readonly total: number
  readonly attempts: readonly AttemptView[]
  /** Number of attempts before `attempts`. */
  readonly earlier?: number | undefined
}

export interface AttemptView {
  readonly backend: string
  readonly endpoint?: string | undefined
  /** Start, from the request's arrival. */
  readonly start: number
  readonly time: number
  readonly connect?: number | undefined
  readonly firstByte?: number | undefined
  /** Kind of the outcome. */
  readonly outcome: 'answered' | 'passed-over' | 'failed' | 'body-failed' | 'superseded' | 'client-left'
  readonly status?: number | undefined
  /** Why the attempt failed or its answer was rejected. */
  readonly cause?: string | undefined
  readonly hedge: boolean
}
