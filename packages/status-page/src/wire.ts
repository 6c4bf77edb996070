/**
 * The reports of the server to the page, as JSON. Both sides import this file, so it imports nothing. Durations are in
 * milliseconds. Times are on the router's clock; `now` and `wall` relate it to `Date.now()`.
 */

/** One report: the first is whole, later ones contain changes. */
export interface Report {
  /** Whether `spans` and `decisions` are complete, and not only the changes. */
  readonly whole: boolean
  readonly now: number
  /** The same time as `Date.now()`. */
  readonly wall: number
  /** Start of the recording. */
  readonly since: number
  readonly state: 'running' | 'closing' | 'closed'
  /** Problems of the router itself, the worst first. */
  readonly notices: readonly NoticeView[]
  /** Whether an admin token is set, so that backends can be drained, enabled and woken. */
  readonly actions: boolean
  /** Predict requests in progress. */
  readonly active: number
  readonly about: AboutView
  readonly windows: { readonly minute: WindowView; readonly quarter: WindowView }
  readonly backends: readonly BackendView[]
  /** The routes of the policy, in order. */
  readonly routes: readonly RouteView[]
  readonly waiting: WaitingView
  readonly spans: readonly SpanView[]
  /** The last completed requests, preceded by older ones that are not `answered`. Oldest first. */
  readonly decisions: readonly DecisionView[]
  /** The current run, if any, and the last ten. Oldest first; after the first report, only changed ones. */
  readonly runs: readonly RunView[]
  /** The last 24 hours, without empty buckets. Oldest first; after the first report, only changed ones. */
  readonly day: readonly BucketView[]
  /** What happened in the last 24 hours. Oldest first; after the first report, only new ones. */
  readonly events: readonly EventView[]
  readonly limits: Limits
  /** Immich's queues; absent without `immich`. */
  readonly queues?: QueuesView | undefined
  /** How to connect Immich; absent once there was a request. */
  readonly setup?: SetupView | undefined
}

/** Immich's job queues, as Immich last told. */
export interface QueuesView {
  /** When Immich told, as `Date.now()`; absent if it never did. */
  readonly updated?: number | undefined
  /** What is wrong, as a sentence with the remedy. */
  readonly problem?: string | undefined
  readonly queues: readonly QueueView[]
}

/** One of Immich's queues. */
export interface QueueView {
  readonly name: 'smartSearch' | 'faceDetection' | 'ocr'
  /** Jobs that are not done. */
  readonly remaining: number
  /** Jobs that are running. */
  readonly active: number
  readonly pausedBy?: 'router' | 'user' | undefined
  /** Expected end of the jobs, as `Date.now()`. */
  readonly expectedEnd?: number | undefined
  /** Jobs that were lost, and are not queued again yet. */
  readonly lost: number
}

/** What Immich needs to reach the router. */
export interface SetupView {
  /** URLs of the router that other machines and containers can reach, the most likely first. */
  readonly addresses: readonly string[]
  /** The port that the router listens on. In a container, another one may be published. */
  readonly port: number
  /** Path behind the address, such as `/ml/`; empty for none. */
  readonly path: string
  /** Whether the router is in a container with addresses of its own, so that it does not know those of the machine. */
  readonly isContainer: boolean
  /** Whether it listens on the loopback address, which only programs on the same machine reach. */
  readonly isLoopback: boolean
}

/** The result of one test request. */
export interface TestView {
  readonly job: 'search' | 'indexing'
  readonly model: string
  /** Where the router would have sent it just before, in words; several lines. */
  readonly explanation: string
  /** What happened to it; times are those of the request. */
  readonly decision: DecisionView
}

/** A problem of the router itself. */
export interface NoticeView {
  /** What it is about, such as `body-spool`. */
  readonly kind: string
  /** `error`: requests can get lost, or settings are not applied. */
  readonly level: 'info' | 'warning' | 'error'
  /** What happened and what to do. */
  readonly message: string
}

/** The limits of the lists. */
export interface Limits {
  readonly decisions: number
  /** Decisions other than `answered`. */
  readonly troubles: number
  readonly spans: number
  /** Length of a span. */
  readonly span: number
  readonly runs: number
  readonly events: number
  /** Time that the day covers. */
  readonly day: number
  /** Length of a bucket of the day. */
  readonly bucket: number
}

/** The outcome of a request. */
export type Fate =
  /** The client got a backend's answer, from the first attempt. */
  | 'answered'
  /** The client got a backend's answer, after a failed attempt. */
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

/** The router itself. */
export interface AboutView {
  readonly version: string
  /** Start of the recording, as `Date.now()`. */
  readonly startedAt: number
  /** Source of the configuration, such as `/config/router.yaml`. */
  readonly config?: string | undefined
}

/** Latencies of answered requests. Percentiles are accurate to 4.5 %. */
export interface LatencyView {
  readonly count: number
  readonly p50: number
  readonly p95: number
}

export type Latencies = { readonly [kind in JobKind]?: LatencyView | undefined }
export type Fates = Readonly<Record<Fate, number>>

/** Completed requests of the last minute, or of the last 15 minutes. */
export interface WindowView {
  /** Time that the window covers: at most 1 or 15 minutes, up to 10 s less, and not before the start of the recording. */
  readonly length: number
  /** Requests per second. */
  readonly rate: number
  readonly fates: Fates
  /** From the arrival of a request to the end of its answer. */
  readonly latencies: Latencies
}

/** A backend in the same window, with all its endpoints. */
export interface BackendWindow {
  /** Completed requests whose last attempt went there. */
  readonly jobs: number
  /** Its share of the jobs of all backends; absent without jobs, and while it gets no requests. */
  readonly share?: number | undefined
  /** Share of the time with at least one request in flight, from 0 to 1; of several endpoints, the mean. */
  readonly busy: number
  /** Mean of requests in flight / concurrency limit; may exceed 1 by urgent searches. Absent without a limit. */
  readonly load?: number | undefined
  /** Duration of answered attempts: without waiting in the router. */
  readonly latencies: Latencies
  /** Attempts that were not good, by verdict (`fault`, `job`, `lacks`, …) or cause of the failure (`connect`, `reset`, …). */
  readonly verdicts: Readonly<Record<string, number>>
}

/** A route, with its traffic. */
export interface RouteView {
  readonly name: string
  /** What it takes and where that goes, as `immich-ml-router check` says it. */
  readonly words: string
  /** The rest of the description, such as what happens when its backends are unavailable. */
  readonly details: readonly string[]
  readonly minute: RouteWindow
  readonly quarter: RouteWindow
}

export interface RouteWindow {
  /** Completed requests. */
  readonly jobs: number
  /** Of these, failed and refused ones. */
  readonly failed: number
}

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

export type HealthState =
  | 'healthy'
  /** Neither a probe nor a request has been answered yet. */
  | 'unknown'
  /** Some tasks fail. */
  | 'degraded'
  /** Back after an ejection, with few requests at first. */
  | 'recovering'
  /** It answered 429. */
  | 'throttled'
  /** Its ejection has ended; the next request is the trial. */
  | 'trial'
  | 'ejected'
  | 'down'
  /** Its name has never resolved. */
  | 'unresolved'
  /** Drained by an admin. */
  | 'drained'
  /** Its address is gone; requests in flight still finish. */
  | 'removed'

export interface HealthView {
  readonly state: HealthState
  /** A code such as `connect`, or a text, with the remedy where one is known. */
  readonly reason?: string | undefined
  readonly since?: number | undefined
  /** Expected end of the state. */
  readonly until?: number | undefined
  /** Tasks that fail or are not supported. */
  readonly tasks: readonly TaskView[]
  /** Body size in bytes that a proxy in front of the backend rejected. */
  readonly sizeLimit?: number | undefined
  /** The last failed request. */
  readonly lastError?: { readonly reason: string; readonly at: number } | undefined
  /** Failed requests since the start. */
  readonly failures: number
}

export interface TaskView {
  /** `clip/visual`, or `clip/visual/ViT-B-32__openai` when one model is missing; several are joined by `+`. */
  readonly task: string
  /** Whether only some of these jobs are rejected, such as those with an unknown option. */
  readonly isSome?: boolean | undefined
  readonly state: 'ejected' | 'trial' | 'recovering' | 'lacking'
  readonly reason?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** A backend, or one endpoint of it. */
export interface BackendView {
  readonly name: string
  readonly url: string
  readonly endpoint?: string | undefined
  readonly weight: number
  readonly tier: number
  readonly inFlight: number
  /** The concurrency limit; none by default. */
  readonly limit?: number | undefined
  /** Queued requests with this backend as a candidate: every candidate was at its limit. */
  readonly queued: number
  /** Held requests with this backend as a candidate: no candidate was available. */
  readonly held: number
  /** The last minute. Endpoints of one backend have the same windows. */
  readonly minute: BackendWindow
  /** The last 15 minutes. */
  readonly quarter: BackendWindow
  /** Tasks that its settings let it serve; empty for all. */
  readonly serves: readonly string[]
  /** Models that it used last, the last one first; at most 5. */
  readonly models: readonly string[]
  /** When its machine last came up after it was woken. */
  readonly wokeAt?: number | undefined
  /** By kind of job: `task/type/model`, several joined by `+`. */
  readonly latencies: Readonly<Record<string, number>>
  readonly health: HealthView
  /** Requests of the router itself that tested whether the backend works; absent without any. */
  readonly canaries?: { readonly passed: number; readonly failed: number } | undefined
  /** Whether the machine can be woken. */
  readonly wakes: boolean
}

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
