import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BackendInfo } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Classification } from '../classify/classification.ts'
import { defaults } from '../defaults.ts'
import { RouterError } from '../errors.ts'
import { Forwarder, type ForwardOptions } from '../forward/forwarder.ts'
import { parseConfig } from '../policy/parse-policy.ts'
import type { Policy } from '../policy/policy.ts'
import { policyAsData, selectBackend } from '../policy/select-backend.ts'
import { answer, answerError } from './answers.ts'
import { Exchange, type ExchangeOptions } from './exchange.ts'

/** Everything that a router can be told. All but `proxy` and functions can be written as data, in a file. */
export interface RouterOptions extends Policy, ExchangeOptions, ForwardOptions {}

/** One predict request, when it is over. Times are in milliseconds. */
export interface RequestEvent {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** `undefined` when the request ended before it was classified. */
  readonly classification: Classification | undefined
  /** Name of the route, `undefined` when none was chosen. */
  readonly route: string | undefined
  readonly backend: BackendInfo | undefined
  /** `undefined` when nothing was sent to a backend. */
  readonly outcome: Outcome | undefined
  /** What the router itself had to answer, if it had to. */
  readonly error: Error | undefined
  /** The status that the client got, `undefined` when it got none. */
  readonly status: number | undefined
  /** Bytes of the request body that arrived. */
  readonly bodySize: number
  /** From the choice of the backend to the end of its response; `undefined` when nothing was sent to one. */
  readonly backendTime: number | undefined
  /** From the request's arrival to the end of the response. */
  readonly totalTime: number
}

/** The router's events, by name. */
export interface RouterEvents {
  /** A predict request is over, however it ended. */
  request: [event: RequestEvent]
}

/** What the router can say about itself at any time. */
export interface RouterStatus {
  readonly state: 'running' | 'closing' | 'closed'
  /** Predict requests that are being handled. */
  readonly active: number
  readonly backends: readonly (BackendInfo & { readonly weight: number; readonly inFlight: number })[]
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
  /**
   * Answers new requests with 503, lets running ones finish for up to 30 s, then closes every connection.
   * Later calls wait for the first.
   */
  close(): Promise<void>
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
  readonly #options: ExchangeOptions
  readonly #select: ReturnType<typeof selectBackend>
  readonly #forwarder: Forwarder
  readonly #events = new EventEmitter<RouterEvents>()
  readonly #active = new Set<Promise<void>>()
  #state: RouterStatus['state'] = 'running'
  #closed: Promise<void> | undefined

  constructor({ proxy, ...options }: RouterOptions) {
    const { maxBodySize, onUnclassified, backendHeader, upstreamHeader, forwardHeaders } = parseConfig(
      policyAsData(options),
    )
    this.#options = { maxBodySize, onUnclassified }
    const { backends, routes } = options
    this.#select = selectBackend(routes === undefined ? { backends } : { backends, routes })
    this.#forwarder = new Forwarder({ proxy, backendHeader, upstreamHeader, forwardHeaders })
  }

  async handle(req: IncomingMessage, res: ServerResponse, next?: () => unknown): Promise<void> {
    const path = req.url?.split('?', 1)[0]
    const running = this.#state === 'running'
    if (req.method === 'POST' && path === '/predict') return this.#track(this.#predict(req, res))
    if (req.method === 'GET' && path === '/ping')
      return running ? answer(res, 200, 'pong') : answerError(res, closedError())
    if (req.method === 'GET' && path === '/') return answer(res, 200, { message: 'Immich ML' })
    if (next === undefined) return answerError(res, new RouterError('not-found', 'Not Found'))
    await next()
  }

  on<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): () => void {
    // EventEmitter's own types do not follow a generic event name.
    const untyped: EventEmitter = this.#events
    untyped.on(event, listener)
    return () => untyped.off(event, listener)
  }

  status(): RouterStatus {
    const backends = this.#select.backends.map(({ name, url, weight, inFlight }) => ({
      name,
      url,
      weight,
      inFlight,
    }))
    return { state: this.#state, active: this.#active.size, backends }
  }

  close(): Promise<void> {
    this.#closed ??= this.#drain()
    return this.#closed
  }

  async #drain(): Promise<void> {
    this.#state = 'closing'
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, defaults.drainTimeout)
    await Promise.race([late, Promise.allSettled(this.#active)])
    clearTimeout(timer)
    await this.#forwarder.destroy()
    await Promise.allSettled(this.#active)
    this.#state = 'closed'
  }

  #track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => this.#active.delete(tracked))
    this.#active.add(tracked)
    return tracked
  }

  async #predict(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const started = performance.now()
    let exchange: Exchange | undefined
    let sent: number | undefined
    let failure: Error | undefined
    try {
      if (this.#state !== 'running') throw closedError()
      exchange = await Exchange.begin(req, res, this.#options)
      await exchange.select(this.#select)
      sent = performance.now()
      await exchange.forward(this.#forwarder)
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      await answerError(res, failure)
    }
    if (this.#events.listenerCount('request') === 0) return
    const ended = performance.now()
    this.#events.emit('request', {
      req,
      res,
      classification: exchange?.classification,
      route: exchange?.lease?.route,
      backend: exchange?.lease?.backend,
      outcome: exchange?.outcome,
      error:
        failure ?? (exchange?.outcome && 'error' in exchange.outcome ? exchange.outcome.error : undefined),
      status: res.headersSent ? res.statusCode : undefined,
      bodySize: exchange?.body.size ?? 0,
      backendTime: sent === undefined ? undefined : ended - sent,
      totalTime: ended - started,
    })
  }
}

function closedError(): RouterError {
  return new RouterError('router-closed', 'The router is shutting down.')
}
