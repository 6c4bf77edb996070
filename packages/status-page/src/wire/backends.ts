import type { Latencies } from './requests.ts'

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
  /** Jobs, `task/type/model`, whose models it loads before it gets requests for them; absent without any. */
  readonly loading?: readonly string[] | undefined
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
