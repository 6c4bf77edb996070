import type { BackendView } from './wire/backends.ts'
import type { BucketView, EventView, RunView, SpanView } from './wire/history.ts'
import type { DecisionView, Fates, Latencies, WaitingView } from './wire/requests.ts'

/**
 * The reports of the server to the page, as JSON. Both sides import this file and those in `wire/`, which hold only types. Durations are in
 * milliseconds. Times are on the router's clock; `now` and `wall` relate it to `Date.now()`.
 */

export type * from './wire/backends.ts'
export type * from './wire/history.ts'
export type * from './wire/requests.ts'

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

/** The router itself. */
export interface AboutView {
  readonly version: string
  /** Start of the recording, as `Date.now()`. */
  readonly startedAt: number
  /** Source of the configuration, such as `/config/router.yaml`. */
  readonly config?: string | undefined
}

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
