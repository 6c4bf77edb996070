import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DrainOptions } from '../backend/backend-group.ts'
import type { BackendInfo } from '../backend/backend-view.ts'
import type { BackendHealth } from '../backend/health/health-view.ts'
import type { BackendUse } from '../backend/limit/concurrency-limit.ts'
import type { ModelProblem } from '../backend/model-problem.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { CanaryCounts } from '../canary/canary.ts'
import type { Classification } from '../classify/classification.ts'
import type { PolicyChanges } from '../config/changes.ts'
import type { RouterConfig } from '../config/policy.ts'
import type { Explanation } from '../explain/explanation.ts'
import type { ForwardOptions } from '../forward/forwarder.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import type { HoldEvent } from '../routing/lease.ts'
import type { ExplainOptions } from '../routing/select-options.ts'
import type { Exchange } from './exchange.ts'
import type { ExchangeOptions } from './exchange-options.ts'
import type { Modules } from './modules.ts'
import type { Notices, RouterNotice } from './notices.ts'
import type { BackendEvent, SelectEnvironment } from './policy-runtime.ts'
import type { Waiting } from './request-waits.ts'
import type { RouterBackends } from './router-backends.ts'
import type { ExpectedJobs, RouteInfo } from './select-backend.ts'
import type { RouterSteps } from './steps.ts'

export type { Notices, RouterNotice }

/**
 * Every option of a router. All but `proxy`, `clock`, `resolver`, `tracing`, `onUnavailable` and functions can be data, in a
 * file.
 *
 * @typeParam Name The names of the backends: routes cannot name others.
 */
export interface RouterOptions<Name extends string = string>
  extends RouterConfig<Name>,
    Pick<ExchangeOptions, 'tracing'>,
    Pick<ForwardOptions, 'clock' | 'proxy'>,
    Pick<SelectEnvironment, 'onUnavailable' | 'resolver'> {}

/** What `reload()` can change: every option that can be data, and functions in their place. */
export interface ReloadOptions<Name extends string = string> extends RouterConfig<Name> {}

/** The paths that a router answers. */
export type PathOptions = Pick<RouterConfig, 'path'>

/** One predict request, when it is over. Times are in milliseconds. */
export interface RequestEvent {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The client's address; by the end of the request, its socket may have forgotten it. */
  readonly client: string | undefined
  /** `undefined` when it has none, the policy has no tenants, or it ended before it was routed. */
  readonly tenant: string | undefined
  /** `undefined` when the request ended before it was classified. */
  readonly classification: Classification | undefined
  /** Name of the route that took it; `undefined` when it ended before it was classified. */
  readonly route: string | undefined
  readonly backend: BackendInfo | undefined
  /**
   * Every attempt, in the order in which they ended: more than one when backends failed or a hedge was sent. The
   * answered one, if there is one, is the last.
   */
  readonly attempts: readonly AttemptRecord[]
  /** That of the last attempt; `undefined` when nothing was sent to a backend. */
  readonly outcome: Outcome | undefined
  /**
   * Set when the client got a saved answer, of the search cache: a fresh one, or a stale one because no backend could answer.
   * `outcome` is then that of the attempts before, if there were any.
   */
  readonly cached?: 'fresh' | 'stale' | undefined
  /**
   * Set when no single backend serves its tasks: the number of requests that answer it, one for each task. These have events of
   * their own; count them as the jobs, and not this one.
   */
  readonly parts?: number | undefined
  /** The error that the router answered with, if it did. */
  readonly error: Error | undefined
  /** The status that the client got, `undefined` when it got none. */
  readonly status: number | undefined
  /** Whether there was room to keep the body for another attempt. */
  readonly retained: boolean
  /** Bytes of the request body that arrived. */
  readonly bodySize: number
  /** Bytes of the backend's answer that arrived, if it was given to the client. */
  readonly responseSize: number
  /** Heartbeats that the client was sent. */
  readonly heartbeats: number
  /** When it arrived, on the router's clock: on that, attempts have their `start`. */
  readonly start: number
  readonly steps: Steps
}

/** How long the steps of a request took, in milliseconds. */
export interface Steps {
  /** From its arrival until its job was known; `undefined` when it ended before. */
  readonly classify: number | undefined
  /** Waiting for a slot of backends that were full, before the first attempt and between attempts. */
  readonly queue: number
  /** Waiting for backends that could not be used. */
  readonly hold: number
  /** From the first choice of a backend to the end; `undefined` when nothing was sent to one. */
  readonly backend: number | undefined
  /** From its arrival until the first byte of a backend's answer was there for the client; `undefined` when none was. */
  readonly firstByte: number | undefined
  /** From its arrival to the end of the response. */
  readonly total: number
}

/** The router's events, by name. */
export interface RouterEvents {
  /** A predict request has been read as far as its job; its `request` event follows. Not for a classifier of your own. */
  classified: [classification: Classification]
  /** A predict request is over, however it ended. */
  request: [event: RequestEvent]
  /**
   * A backend changed: health, ejection, unsupported task, drain, addresses, canary, loaded models, wake, suspend, recycle, model
   * problem, added or removed by `reload()`.
   */
  backend: [event: BackendEvent]
  /** A request begins or ends to wait for a backend. */
  hold: [event: HoldEvent]
  /** A notice was set, see {@link Router.notices}: it is new, or its level or message has changed. */
  notice: [notice: RouterNotice]
  /** `reload()` applied other options. */
  reload: [changes: PolicyChanges]
  /** The router is closed. */
  close: []
}

/** A request that waits for a backend. */
export interface WaitingRequest extends Waiting {
  /** When it arrived, on the clock. */
  readonly start: number
  readonly classification: Classification
  /** The client's address. */
  readonly client: string | undefined
  /** `undefined` when it has none, or the policy has no tenants. */
  readonly tenant: string | undefined
}

/** The state of the router. */
export interface RouterStatus {
  readonly state: 'running' | 'closing' | 'closed'
  /** When this was, on the router's clock: on that are all times here. */
  readonly now: number
  /** Predict requests that are being handled. */
  readonly active: number
  /** Requests that wait for a backend, by route; routes for which none waits are not in it. */
  readonly held: Readonly<Record<string, number>>
  /** The active notices, the worst first; {@link Router.notices} sets them. */
  readonly notices: readonly RouterNotice[]
  /** Every route, in order. */
  readonly routes: readonly RouteInfo[]
  /** The tasks that the policy names. */
  readonly tasks: readonly string[]
  /** Request bodies that are retained. */
  readonly bodies: {
    /** Bytes in memory. The overhead of keeping them, up to as much again, also counts against the limit. */
    readonly memory: number
    /** Bytes that may be in memory, see `totalBodyMemory`. */
    readonly memoryLimit: number
    /** Bytes on disk. */
    readonly disk: number
    /** Temp files that are open. */
    readonly files: number
  }
  /** The backends, and of those whose name has many addresses each endpoint. */
  readonly backends: readonly (BackendInfo & {
    readonly weight: number
    readonly tier: number
    readonly inFlight: number
    /** Requests that it may have at once; `undefined` for any number. */
    readonly limit: number | undefined
    /** How much it was used since it was added. */
    readonly use: BackendUse
    /** Requests that wait for it, or for another that may serve them, by why they began to wait. */
    readonly waiting: RouteInfo['waiting']
    /** How long jobs take there, by kind (`task/type/model`), in milliseconds: what `peak-ewma` goes by. */
    readonly latencies: Readonly<Record<string, number>>
    readonly health: BackendHealth
    /** What modules have found wrong with models on it. */
    readonly problems: readonly ModelProblem[]
    /** The jobs, `task/type/model`, whose models it loads before it gets requests for them. */
    readonly warming: readonly string[]
    /** Canaries that were sent there. */
    readonly canaries: CanaryCounts
    /** Whether its address or the backend itself was removed, so that it only finishes its requests. */
    readonly leaving: boolean
    /** Why it has no endpoint, when its name could never be resolved. */
    readonly unresolved: string | undefined
    /** The tasks that its settings let it serve; `undefined` for all. */
    readonly tasks: readonly string[] | undefined
    /** When its machine last came up after it was woken, on the clock; `undefined` if it never did. */
    readonly wokeAt: number | undefined
    /** Whether its machine can be switched on: it has `wake`, or the router `onUnavailable`. */
    readonly wakes: boolean
  })[]
}

/** Options of `router.close()`. */
export interface CloseOptions {
  /**
   * How long running requests may go on, in milliseconds; `Infinity` for as long as they like.
   * @default 8000
   */
  readonly timeout?: number
  /**
   * Called when the drain ends, before the requests that are held are refused; they are held until it resolves.
   * `stopServer()` closes the port here.
   */
  readonly onDrained?: () => unknown
  /** Aborting it ends the drain at once, as if `timeout` were over. That of a later call counts as well. */
  readonly signal?: AbortSignal | undefined
}

/** A router: routes predict requests to the backends of its policy. */
export interface Router extends RouterSteps, AsyncDisposable {
  /**
   * Handles a request of node:http, or of a framework on top of it. Never rejects for what a client or a backend does.
   *
   * @param next Called for what is not a request to an ML server; without it, such a request is answered with 404.
   * @param exchange The request, if it is classified already, by {@link RouterSteps.classify} or `classifyPredict()`.
   * @returns when the response is done, or when `next` has returned.
   */
  handle(
    req: IncomingMessage,
    res: ServerResponse,
    next?: () => unknown,
    exchange?: Exchange | undefined,
  ): Promise<void>
  /** Listens to an event; the returned function stops listening. */
  on<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): () => void
  /** Listens to the next event of a kind; the returned function stops listening. */
  once<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): () => void
  /** Stops a listener of `on()` or `once()`. */
  off<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): void
  /** The modules that serve options, such as that of `@immich-ml-router/search-cache`. */
  readonly modules: Modules
  /**
   * Problems of the router itself. The status page, `status()`, the event `notice` and the metrics show them; any module can
   * set and clear its own.
   */
  readonly notices: Notices
  /** The backends, for modules that examine them. */
  readonly backends: RouterBackends
  /** @returns A snapshot of the backends, routes and requests. */
  status(): RouterStatus
  /** The requests that wait for a backend, in the order of their arrival. */
  waiting(): Iterable<WaitingRequest>
  /**
   * Explains what would happen to a request: its route, and the state of each candidate. It changes nothing. `explanationText()` puts it in words. A match written in code is called.
   */
  explain(classification: Classification, options?: ExplainOptions): Explanation
  /**
   * Sends a backend no more requests until it is enabled again. Resolves when its running requests are over.
   *
   * @param options `restarts`: whether requests without another backend wait longer, because it is back soon.
   *
   * @throws {RangeError} when there is no backend of this name.
   */
  drain(backend: string, options?: DrainOptions): Promise<void>
  /**
   * Sends a backend requests again.
   *
   * @throws {RangeError} when there is no backend of this name.
   */
  enable(backend: string): void
  /**
   * Has a backend's machine switched on now: sends its Wake-on-LAN packet, if it has `wake`, and calls `onUnavailable`.
   * Rejects when the packet could not be sent, and with a RangeError when there is no backend of this name.
   */
  wake(backend: string): Promise<void>
  /**
   * Probes a backend now.
   *
   * @returns Why it is not healthy; `undefined` when it is, or where probes are off.
   * @throws {RangeError} when there is no backend of this name.
   */
  probe(backend: string): Promise<string | undefined>
  /** Emits a `backend` event for a part outside the router that has done something with a backend. */
  report(event: BackendEvent): void
  /**
   * Sets the bulk jobs that are queued for a backend outside the router, such as in Immich. They count until the next call.
   *
   * @throws {RangeError} when there is no backend of this name.
   */
  expect(backend: string, jobs: ExpectedJobs): void
  /**
   * Applies other options. An option that is not given has its default, as in `createRouter()`.
   *
   * Running requests go on; a retry uses the new routes. Waiting requests keep their place, and may wait at least as long as
   * before. A backend of the same name and URL keeps its state; one that was removed finishes its requests.
   *
   * @returns what is different.
   * @throws {ConfigError} with every mistake in the options, each with its path; then nothing has changed.
   * @throws {RouterClosedError} when the router is closed, or closing.
   */
  reload(options: ReloadOptions): PolicyChanges
  /**
   * Drains, then closes. While it drains, running requests finish, new predict requests are accepted and held with those
   * that wait already, and `/ping` answers 503. When no request runs, or the timeout is over, held requests get 503
   * `router-closed`, or a closed connection after a heartbeat; then every connection to a backend is closed. Later calls
   * wait for the first.
   *
   * It does not touch the port. {@link stopServer} stops a router and its server in the right order.
   *
   * @throws {RangeError} when `timeout` is not a number of 0 or more.
   */
  close(options?: CloseOptions): Promise<void>
  /** The same as `close()`: `await using router = createRouter(options)` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void>
}
