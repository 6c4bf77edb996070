import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Backend, BackendHealth, BackendInfo } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import { Unresolved } from '../backend/unresolved.ts'
import type { Classification } from '../classify/classification.ts'
import { LONGEST_TIMER } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { RouterClosedError, RouterError, UnclassifiedError } from '../errors.ts'
import { Forwarder } from '../forward/forwarder.ts'
import { pathOf } from '../path-of.ts'
import { changedOptions, type PolicyChanges } from '../policy/changes.ts'
import type { Explanation } from '../policy/explanation.ts'
import type { HoldEvent } from '../policy/lease.ts'
import type { ExplainOptions } from '../policy/route-selection.ts'
import type { RouteInfo } from '../policy/routing.ts'
import { type BackendEvent, selectBackend } from '../policy/select-backend.ts'
import { removeItem } from '../remove-item.ts'
import { answer, answerError } from './answers.ts'
import { Exchange, type Waiting } from './exchange.ts'
import {
  checkExchangeOptions,
  type ResolvedExchangeOptions,
  resolveExchangeOptions,
} from './exchange-options.ts'
import type { AttemptRecord } from './failover.ts'
import { parseOptions, type ReloadOptions, type RouterOptions } from './router-options.ts'
import { refusedWith } from './tracing.ts'

/** One predict request, when it is over. Times are in milliseconds. */
export interface RequestEvent {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The client's address; by the end of the request, its socket may have forgotten it. */
  readonly client: string | undefined
  /** `undefined` when the request ended before it was classified. */
  readonly classification: Classification | undefined
  /** Name of the route that took it; `undefined` when it ended before it was classified. */
  readonly route: string | undefined
  readonly backend: BackendInfo | undefined
  /**
   * Every attempt, in the order in which they ended: more than one when backends failed, or when a copy was sent since the
   * first was late. The last is the one that was answered, if any was.
   */
  readonly attempts: readonly AttemptRecord[]
  /** That of the last attempt; `undefined` when nothing was sent to a backend. */
  readonly outcome: Outcome | undefined
  /** What the router itself had to answer, if it had to. */
  readonly error: Error | undefined
  /** The status that the client got, `undefined` when it got none. */
  readonly status: number | undefined
  /** Whether there was room to keep the body for another attempt. */
  readonly retained: boolean
  /** Bytes of the request body that arrived. */
  readonly bodySize: number
  /** Bytes of the backend's answer that arrived, if it was given to the client. */
  readonly responseSize: number
  /** Signs of life that the client was sent while it waited. */
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
  /** A predict request is over, however it ended. */
  request: [event: RequestEvent]
  /**
   * Something has changed about a backend: what its probes say, an ejection, a task that it lacks, its being drained, the
   * addresses of its name, its coming and going by `reload()`.
   */
  backend: [event: BackendEvent]
  /** A request begins to wait for a backend, or waits no more. */
  hold: [event: HoldEvent]
  /** The router has other options, by `reload()`. */
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
}

/** What the router can say about itself at any time. */
export interface RouterStatus {
  readonly state: 'running' | 'closing' | 'closed'
  /** When this was, on the router's clock: on that are all times here. */
  readonly now: number
  /** Predict requests that are being handled. */
  readonly active: number
  /** Requests that wait for a backend, by route; routes for which none waits are not in it. */
  readonly held: Readonly<Record<string, number>>
  /** Every route, in order. */
  readonly routes: readonly RouteInfo[]
  /** The tasks that the policy names. */
  readonly tasks: readonly string[]
  /** What is retained of requests until they are answered. */
  readonly bodies: {
    /** Bytes in memory. */
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
    /** Requests that wait for it, or for another that may serve them. */
    readonly held: number
    /** How long jobs take there, by kind (`task/type/model`), in milliseconds: what `peak-ewma` goes by. */
    readonly latencies: Readonly<Record<string, number>>
    readonly health: BackendHealth
    /** Whether its address is gone, or itself by a reload, so that it only finishes what is running there. */
    readonly leaving: boolean
    /** Why it has no endpoint, when its name could never be resolved. */
    readonly unresolved: string | undefined
    /** Whether its machine can be switched on: it has `wake`, or the router `onUnavailable`. */
    readonly wakes: boolean
  })[]
}

export interface CloseOptions {
  /**
   * How long running requests may go on, in milliseconds; `Infinity` for as long as they like.
   * @default 30000
   */
  readonly timeout?: number
}

/** A router: routes predict requests to the backends of its policy. */
export interface Router {
  /**
   * Handles a request of node:http, or of a framework on top of it. Never rejects for what a client or a backend does.
   *
   * @param next Called for what is not a request to an ML server; without it, such a request is answered with 404.
   * @returns when the response is done, or when `next` has returned.
   */
  handle(req: IncomingMessage, res: ServerResponse, next?: () => unknown): Promise<void>
  /** Listens to an event; the returned function stops listening. */
  on<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): () => void
  status(): RouterStatus
  /** The requests that wait for a backend, in the order of their arrival. */
  waiting(): Iterable<WaitingRequest>
  /**
   * What would become of a request, and why: the route that takes it, and what is to be said of each of its backends. It
   * changes nothing. `explanationText()` puts it in words. A match written in code is called.
   */
  explain(classification: Classification, options?: ExplainOptions): Explanation
  /**
   * Sends a backend nothing more, until it is enabled again. Resolves when what is running there is over.
   *
   * @throws {RangeError} when there is no backend of this name.
   */
  drain(backend: string): Promise<void>
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
   * Has other options from now on; what is not given has its default, as when a router is made.
   *
   * What is running goes on, and when it fails goes to a backend of the new routes. Those who wait keep their place, and
   * wait for no shorter than they would have. A backend of the same name and URL keeps its state; one that is there no
   * more finishes what it has.
   *
   * @returns what is different.
   * @throws {PolicyError} with every mistake in the options, each with its path; then nothing has changed.
   * @throws {RouterClosedError} when the router is closed, or closing.
   */
  reload(options: ReloadOptions): PolicyChanges
  /**
   * Answers new requests and those that wait for a backend with 503, ends the probes, lets running requests finish, then
   * closes every connection to a backend. What still runs at the end of its time is answered with 503 as well, and what
   * cannot be answered is cut off. Later calls wait for the first.
   *
   * @throws {RangeError} when `timeout` is not a number of 0 or more.
   */
  close(options?: CloseOptions): Promise<void>
}

/**
 * Makes a router.
 *
 * @throws {PolicyError} with every mistake in the options, each with its path.
 */
export function createRouter(options: RouterOptions): Router {
  return new PredictRouter(options)
}

class PredictRouter implements Router {
  #options: ResolvedExchangeOptions
  #written: object
  readonly #select: ReturnType<typeof selectBackend>
  readonly #forwarder: Forwarder
  readonly #events = new EventEmitter<RouterEvents>()
  readonly #active: Active[] = []
  readonly #wakesAll: boolean
  #state: RouterStatus['state'] = 'running'
  #closed: Promise<void> | undefined

  constructor(options: RouterOptions) {
    const { proxy, clock, resolver, onUnavailable, tracing, ...data } = options ?? {}
    const { policy, exchange, forward, written } = parseOptions(data)
    this.#options = resolveExchangeOptions({ ...exchange, tracing })
    this.#written = written
    this.#select = selectBackend(policy, {
      clock,
      resolver,
      onBackendChange: (event) => this.#emitSafely('backend', event),
      onHold: (event) => this.#emitSafely('hold', event),
      onUnavailable: onUnavailable && ((backend) => this.#callSafely(() => onUnavailable(backend))),
    })
    this.#wakesAll = onUnavailable !== undefined
    this.#forwarder = new Forwarder({ proxy, clock, ...forward })
    this.#forwarder.watch(this.#select)
  }

  reload(options: ReloadOptions): PolicyChanges {
    const { policy, exchange, forward, written } = parseOptions(options)
    const { retention, ...checked } = checkExchangeOptions(exchange)
    const changes = this.#select.reload(policy)
    this.#options.store.adapt(retention)
    this.#options = { ...this.#options, ...checked }
    this.#forwarder.reload(forward)
    const own = changedOptions(this.#written, written)
    this.#written = written
    const all = { ...changes, options: [...changes.options, ...own].sort() }
    this.#emitSafely('reload', all)
    return all
  }

  handle(req: IncomingMessage, res: ServerResponse, next?: () => unknown): Promise<void> {
    const path = pathOf(req)
    return req.method === 'POST' && path === '/predict'
      ? this.#track(req, res)
      : this.#handleOther(req, res, path, next)
  }

  async #handleOther(
    { method }: IncomingMessage,
    res: ServerResponse,
    path: string | undefined,
    next?: () => unknown,
  ): Promise<void> {
    const asks = method === 'GET' || method === 'HEAD'
    if (asks && path === '/ping') return this.#answerPing(res)
    if (asks && path === '/') return answer(res, 200, { message: 'Immich ML' })
    if (next === undefined) return answerError(res, new RouterError('not-found', 'Not Found'))
    await next()
  }

  /** Immich takes a server that does not answer this for dead, and turns to the next of its list. */
  #answerPing(res: ServerResponse): Promise<void> {
    if (this.#state !== 'running') return answerError(res, new RouterClosedError())
    if (this.#select.useful()) return answer(res, 200, 'pong')
    return answerError(res, new RouterError('no-backend-available', 'No backend can be reached.'))
  }

  on<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): () => void {
    // EventEmitter's own types do not follow a generic event name.
    const untyped: EventEmitter = this.#events
    untyped.on(event, listener)
    return () => untyped.off(event, listener)
  }

  status(): RouterStatus {
    const report = (backend: Backend, leaving: boolean) => {
      const { name, url, endpoint, weight, tier, inFlight, limit, waiting, latencies, health } = backend
      return {
        name,
        url,
        endpoint,
        weight,
        tier,
        inFlight,
        limit: Number.isFinite(limit) ? limit : undefined,
        held: waiting,
        latencies,
        health,
        leaving,
        unresolved: backend instanceof Unresolved ? backend.reason : undefined,
        wakes: this.#wakesAll || backend.wakes,
      }
    }
    const backends = [
      ...this.#select.backends().map((backend) => report(backend, false)),
      ...this.#select.leaving().map((backend) => report(backend, true)),
    ]
    const { used, total, spooled } = this.#options.store
    return {
      state: this.#state,
      now: this.#forwarder.clock.now(),
      active: this.#active.length,
      held: this.#select.held(),
      routes: this.#select.routes(),
      tasks: this.#select.tasks(),
      bodies: { memory: used, memoryLimit: total, disk: spooled.bytes, files: spooled.files },
      backends,
    }
  }

  *waiting(): Generator<WaitingRequest> {
    for (const { req, start, exchange } of this.#active) {
      const wait = exchange?.wait
      if (exchange === undefined || wait === undefined) continue
      yield { ...wait, start, classification: exchange.classification, client: req.socket.remoteAddress }
    }
  }

  explain(classification: Classification, options?: ExplainOptions): Explanation {
    const explanation = this.#select.explain(classification, options)
    const refusal = this.#refusalOf(classification)
    if (refusal === undefined) return explanation
    const { status, code, message } = refusal
    return { ...explanation, decision: { kind: 'refused', status, code, message } }
  }

  /** Why a request does not even come to the policy. */
  #refusalOf(classification: Classification): RouterError | undefined {
    if (this.#state !== 'running') return new RouterClosedError()
    const rejects = this.#options.onUnclassified === 'reject' && !classification.classified
    return rejects ? new UnclassifiedError(classification.reason) : undefined
  }

  drain(backend: string): Promise<void> {
    return this.#select.drain(backend)
  }

  enable(backend: string): void {
    this.#select.enable(backend)
  }

  wake(backend: string): Promise<void> {
    return this.#select.wake(backend)
  }

  close({ timeout = defaults.drainTimeout }: CloseOptions = {}): Promise<void> {
    if (typeof timeout !== 'number' || !(timeout >= 0)) {
      throw new RangeError(`close({ timeout }) takes milliseconds of 0 or more, not ${timeout}.`)
    }
    this.#closed ??= this.#drain(timeout)
    return this.#closed
  }

  async #drain(timeout: number): Promise<void> {
    this.#state = 'closing'
    this.#select.close()
    await this.#settled(timeout)
    await this.#forwarder.destroy()
    // What waited for a backend is answered now. What waits for its client goes on waiting, and is cut off.
    await this.#settled(defaults.closeGrace)
    for (const { req } of this.#active) req.destroy()
    await this.#settled(defaults.closeGrace)
    this.#state = 'closed'
    this.#emitSafely('close')
  }

  /** Waits until no request is active, but no longer than this. */
  async #settled(milliseconds: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, Math.min(milliseconds, LONGEST_TIMER))
    await Promise.race([late, Promise.all(this.#active.map(whenOver))])
    clearTimeout(timer)
  }

  async #track(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const active: Active = { req, start: this.#forwarder.clock.now(), exchange: undefined, over: undefined }
    this.#active.push(active)
    try {
      await this.#predict(active, res)
    } finally {
      removeItem(this.#active, active)
      active.over?.resolve()
    }
  }

  async #predict(active: Active, res: ServerResponse): Promise<void> {
    const { req, start } = active
    const { clock } = this.#forwarder
    const client = req.socket.remoteAddress
    let exchange: Exchange | undefined
    let classified: number | undefined
    let sent: number | undefined
    let failure: Error | undefined
    try {
      if (this.#state !== 'running') {
        const closed = new RouterClosedError()
        this.#options.tracing?.begin(req).end(refusedWith(closed))
        throw closed
      }
      exchange = await Exchange.begin(req, res, this.#options)
      active.exchange = exchange
      classified = clock.now()
      await exchange.select(this.#select)
      sent = clock.now()
      await exchange.forward(this.#forwarder)
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      // What is none of our errors is a mistake in the code, ours or a listener's, and must be seen.
      if (!(failure instanceof RouterError)) process.emitWarning(failure)
      await answerError(res, failure)
    }
    if (this.#events.listenerCount('request') === 0) return
    const ended = clock.now()
    const outcome = exchange?.outcome
    const last = exchange?.attempts.at(-1)
    const answered = last?.outcome.reachedClient === true ? last : undefined
    this.#emitSafely('request', {
      req,
      res,
      client,
      classification: exchange?.classification,
      route: exchange && (exchange.lease?.route ?? this.#select.routeOf(exchange.classification)),
      backend: exchange?.lease?.backend,
      attempts: exchange?.attempts ?? [],
      outcome,
      error: failure ?? (outcome && 'error' in outcome ? outcome.error : undefined),
      status: res.writableFinished || outcome?.reachedClient === true ? res.statusCode : undefined,
      retained: exchange?.retained ?? true,
      bodySize: exchange?.body.size ?? 0,
      responseSize: answered?.received ?? 0,
      heartbeats: exchange?.heartbeats ?? 0,
      start,
      steps: {
        classify: classified === undefined ? undefined : classified - start,
        queue: exchange?.waited.full ?? 0,
        hold: exchange?.waited.unavailable ?? 0,
        backend: sent === undefined ? undefined : ended - sent,
        firstByte:
          answered?.firstByte === undefined ? undefined : answered.start + answered.firstByte - start,
        total: ended - start,
      },
    })
  }

  #emitSafely<E extends keyof RouterEvents>(name: E, ...event: RouterEvents[E]): void {
    // EventEmitter's own types do not follow a generic event name.
    const untyped: EventEmitter = this.#events
    this.#callSafely(() => untyped.emit(name, ...event))
  }

  /** A listener that throws must not fail the request that it was told of. */
  #callSafely(listener: () => unknown): void {
    try {
      listener()
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  }
}

/** A predict request that is being handled. */
interface Active {
  readonly req: IncomingMessage
  /** When it arrived, on the clock. */
  readonly start: number
  /** Once its job is known. */
  exchange: Exchange | undefined
  /** Made when somebody waits for its end. */
  over: PromiseWithResolvers<void> | undefined
}

function whenOver(active: Active): Promise<void> {
  active.over ??= Promise.withResolvers()
  return active.over.promise
}
