/**
 * What the server tells the page, as JSON. Both sides import this file, so it imports nothing. Times are in milliseconds;
 * moments are on the router's clock, which `now` relates to the wall's.
 */

/** Everything at first, and then what has changed. */
export interface Report {
  /** Whether it is everything; otherwise `spans` and `decisions` are those that have changed or come. */
  readonly whole: boolean
  readonly now: number
  /** The same moment, as `Date.now()` has it. */
  readonly wall: number
  /** Since when requests have been recorded. */
  readonly since: number
  readonly state: 'running' | 'closing' | 'closed'
  /** What keeps the router from working well, in sentences. */
  readonly notices: readonly string[]
  /** Whether there is an admin token, so that backends can be drained, enabled and woken. */
  readonly actions: boolean
  /** Predict requests that are being handled. */
  readonly active: number
  readonly figures: Figures
  readonly backends: readonly BackendView[]
  readonly waiting: WaitingView
  readonly spans: readonly SpanView[]
  /** The last, and before them those of the last that did not simply go well. Oldest first. */
  readonly decisions: readonly DecisionView[]
  readonly limits: Limits
}

/** How much is shown. */
export interface Limits {
  readonly decisions: number
  /** Decisions about requests that did not simply go well. */
  readonly troubles: number
  readonly spans: number
  /** How long a span is. */
  readonly span: number
}

/** What became of a request. */
export type Fate =
  /** A backend's answer went to the client. */
  | 'answered'
  /** The same, after another attempt had failed. */
  | 'rescued'
  /** Backends failed at it. */
  | 'failed'
  /** The router answered by itself: too large, too many, no backend. */
  | 'refused'
  /** The client left. */
  | 'left'

/** Text search, behind which a person waits, and all the rest. */
export type Kind = 'search' | 'bulk'

/** How long requests took that were answered. */
export interface LatencyView {
  readonly count: number
  readonly p50: number
  readonly p95: number
}

export type Latencies = { readonly [kind in Kind]?: LatencyView | undefined }
export type Fates = Readonly<Record<Fate, number>>

/** Of the time that the page shows, unless they say otherwise. */
export interface Figures {
  /** Requests a second, of the last ten. */
  readonly rate: number
  readonly fates: Fates
  readonly latencies: Latencies
}

/** Ten seconds. */
export interface SpanView {
  /** How many spans there were before it since the clock's zero. */
  readonly index: number
  readonly fates: Fates
  readonly latencies: Latencies
  /** Requests by the backend that had them last. */
  readonly backends: Readonly<Record<string, number>>
}

export type HealthState =
  | 'well'
  /** No probe and no request has been answered yet. */
  | 'unknown'
  /** Some tasks fail, others are served. */
  | 'partly'
  /** It is back, and gets few requests at first. */
  | 'recovering'
  /** It has asked to be left alone. */
  | 'busy'
  /** Its ejection is over, and one request is to find out. */
  | 'trial'
  | 'ejected'
  | 'down'
  | 'unresolved'
  /** It was drained by somebody. */
  | 'drained'
  /** Its address is gone; it finishes what it has. */
  | 'leaving'

export interface HealthView {
  readonly state: HealthState
  /** A code such as `connect`, or words, with the cure where one is known. */
  readonly reason?: string | undefined
  readonly since?: number | undefined
  /** When it may be over. */
  readonly until?: number | undefined
  /** What is not well there, by task and type. */
  readonly tasks: readonly TaskView[]
  /** Bytes of a body that a proxy in front of it has refused as too large. */
  readonly sizeLimit?: number | undefined
  /** The last failure of a request there. */
  readonly lastError?: { readonly reason: string; readonly at: number } | undefined
  /** Requests that have failed there, of all time. */
  readonly failures: number
}

export interface TaskView {
  /** Such as `clip/visual`, or `clip/visual/ViT-B-32__openai` where one model is missing; several with `+` between them. */
  readonly task: string
  /** Whether it refuses some jobs of these alone, such as those with an option that it does not know. */
  readonly isSome?: boolean | undefined
  readonly state: 'ejected' | 'trial' | 'recovering' | 'lacking'
  readonly reason?: string | undefined
  readonly until?: number | undefined
}

/** A server: a backend, or one endpoint of it. */
export interface BackendView {
  readonly name: string
  readonly url: string
  readonly endpoint?: string | undefined
  readonly weight: number
  readonly tier: number
  readonly inFlight: number
  /** Not given for any number. */
  readonly limit?: number | undefined
  /** Requests that wait for it, or for another. */
  readonly waiting: number
  /** By kind of job: `task/type/model`, several with `+` between them. */
  readonly latencies: Readonly<Record<string, number>>
  readonly health: HealthView
  /** Whether its machine can be woken. */
  readonly wakes: boolean
}

/** The requests that wait for a backend. */
export interface WaitingView {
  readonly count: number
  /** Those that came first. */
  readonly first: readonly WaiterView[]
}

export interface WaiterView {
  readonly route: string
  /** It waits for a slot, or for a backend to come back. */
  readonly reason: 'full' | 'unavailable'
  /** When it arrived. */
  readonly at: number
  readonly job: JobView
  readonly client?: string | undefined
}

/** What a request asked for. */
export interface JobView {
  readonly entries: readonly { readonly task: string; readonly type: string; readonly model: string }[]
  /** How many more there were. */
  readonly more?: number | undefined
  /** Why it is not known. */
  readonly unclassified?: string | undefined
}

/** One request that is over. */
export interface DecisionView {
  /** A running number. */
  readonly id: number
  /** When it came. */
  readonly at: number
  readonly fate: Fate
  readonly kind: Kind
  readonly job: JobView
  readonly client?: string | undefined
  readonly route?: string | undefined
  readonly status?: number | undefined
  readonly error?: string | undefined
  /** The code of the router's own errors, such as `queue-full`. */
  readonly code?: string | undefined
  readonly bodySize: number
  readonly responseSize: number
  readonly heartbeats: number
  /** Whether it could have been sent again. */
  readonly retained: boolean
  readonly classify?: number | undefined
  readonly queue: number
  readonly hold: number
  readonly firstByte?: number | undefined
  readonly total: number
  readonly attempts: readonly AttemptView[]
  /** Attempts before these. */
  readonly earlier?: number | undefined
}

export interface AttemptView {
  readonly backend: string
  readonly endpoint?: string | undefined
  /** From the request's arrival. */
  readonly start: number
  readonly time: number
  readonly connect?: number | undefined
  readonly firstByte?: number | undefined
  /** The kind of its outcome. */
  readonly outcome: 'answered' | 'passed-over' | 'failed' | 'body-failed' | 'superseded' | 'client-left'
  readonly status?: number | undefined
  /** Why it failed, or its answer was not good. */
  readonly cause?: string | undefined
  readonly hedge: boolean
}
