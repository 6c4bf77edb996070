import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Backend } from '../backend/backend.ts'
import { callSafely, toError } from '../call-safely.ts'
import type { Classification } from '../classify/classification.ts'
import { diffOptions, type PolicyChanges } from '../config/changes.ts'
import { defaults } from '../config/defaults.ts'
import { resolveConfig } from '../config/resolve.ts'
import { RouterClosedError, RouterError, UnclassifiedError } from '../errors.ts'
import type { Explanation } from '../explain/explanation.ts'
import { Forwarder } from '../forward/forwarder.ts'
import { clientOf, pathBelow, pathOf } from '../incoming-message.ts'
import { selectBackend } from '../router/select-backend.ts'
import type { ExplainOptions } from '../routing/select-options.ts'
import { type ActiveRequest, ActiveRequests } from './active-requests.ts'
import { answer, answerError } from './answers.ts'
import { Exchange } from './exchange.ts'
import { checkExchange, type ResolvedExchangeOptions, resolveExchangeOptions } from './exchange-options.ts'
import { toRequestEvent } from './request-event.ts'
import type {
  CloseOptions,
  ReloadOptions,
  Router,
  RouterEvents,
  RouterNotice,
  RouterOptions,
  RouterStatus,
  WaitingRequest,
} from './router.ts'
import { endOf } from './tracing.ts'

/**
 * Makes a router.
 *
 * @example
 * ```ts
 * import http from 'node:http'
 * import { createRouter } from '@immich-ml-router/core'
 *
 * const router = createRouter({
 *   backends: { gpu: { url: 'http://gpu:3003' }, nas: { url: 'http://nas:3003' } },
 *   routes: [
 *     { match: { task: 'clip', type: 'textual' }, backends: ['nas', 'gpu'], strategy: 'first' },
 *     { backends: ['gpu', 'nas'] },
 *   ],
 * })
 * http.createServer((req, res) => router.handle(req, res)).listen(3003)
 * ```
 *
 * @throws {ConfigError} with every mistake in the options, each with its path.
 */
export function createRouter<const Name extends string>(options: RouterOptions<Name>): Router {
  return new PredictRouter(options)
}

class PredictRouter implements Router {
  #options: ResolvedExchangeOptions
  #written: object
  readonly #select: ReturnType<typeof selectBackend>
  readonly #forwarder: Forwarder
  /** Without types: EventEmitter's own do not follow a generic event name. */
  readonly #events: EventEmitter = new EventEmitter()
  readonly #active: ActiveRequests
  readonly #notices: RouterNotice[] = []
  #basePath: string
  readonly #wakesAll: boolean
  #state: RouterStatus['state'] = 'running'
  /** Whether the drain is over: new requests are refused. */
  #refusing = false
  #closed: Promise<void> | undefined

  constructor(options: RouterOptions) {
    const { proxy, clock, resolver, onUnavailable, tracing, ...data } = options ?? {}
    const { path, written } = resolveConfig(data)
    this.#basePath = path
    this.#options = resolveExchangeOptions({ ...written.exchange, tracing })
    this.#written = { ...written.exchange, ...written.forward, path }
    this.#select = selectBackend(written.policy, {
      clock,
      resolver,
      onBackendChange: (event) => this.#emitSafely('backend', event),
      onHold: (event) => {
        this.#active.changed()
        this.#emitSafely('hold', event)
      },
      onUnavailable: onUnavailable,
    })
    this.#wakesAll = onUnavailable !== undefined
    this.#forwarder = new Forwarder({ proxy, clock, ...written.forward })
    this.#forwarder.watch(this.#select)
    this.#active = new ActiveRequests(this.#forwarder.clock)
  }

  reload(options: ReloadOptions): PolicyChanges {
    if (this.#state !== 'running') throw new RouterClosedError()
    const { path, exchange, written } = resolveConfig(options)
    // Whatever may throw comes first: from here on, all of it is in force, or nothing.
    const { retention, ...checked } = checkExchange(exchange)
    const commitForward = this.#forwarder.prepare(written.forward)
    const commitPolicy = this.#select.prepare(written.policy)
    const ownOptions = { ...written.exchange, ...written.forward, path }
    const own = diffOptions(this.#written, ownOptions)
    this.#options.store.configure(retention)
    this.#options = { ...this.#options, ...checked }
    commitForward()
    this.#basePath = path
    this.#written = ownOptions
    // The last, since it tells of backends: a listener may reload in turn.
    const changes = commitPolicy()
    const all = { ...changes, options: [...changes.options, ...own].sort() }
    this.#emitSafely('reload', all)
    return all
  }

  handle(req: IncomingMessage, res: ServerResponse, next?: () => unknown): Promise<void> {
    return req.method === 'POST' && pathOf(req) === `${this.#basePath}/predict`
      ? this.#predict(req, res)
      : this.#handleOther(req, res, next)
  }

  async #handleOther(req: IncomingMessage, res: ServerResponse, next?: () => unknown): Promise<void> {
    const path = pathBelow(this.#basePath, req)
    const asks = req.method === 'GET' || req.method === 'HEAD'
    if (asks && path === '/ping') return this.#answerPing(res)
    if (asks && path === '/') return answer(res, 200, { message: 'Immich ML' })
    if (next === undefined) return answerError(res, new RouterError('not-found', 'Not Found'))
    await next()
  }

  /** Immich treats a server that does not answer this as down, and uses the next one of its list. */
  #answerPing(res: ServerResponse): Promise<void> {
    if (this.#state !== 'running') return answerError(res, new RouterClosedError())
    if (this.#select.useful()) return answer(res, 200, 'pong')
    return answerError(res, new RouterError('no-backend-available', 'No backend can be reached.'))
  }

  on<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): () => void {
    this.#events.on(event, listener)
    return () => this.#events.off(event, listener)
  }

  status(): RouterStatus {
    const report = (backend: Backend, leaving: boolean) => {
      const { name, url, endpoint, weight, tier, inFlight, health } = backend
      const limit = backend.limit.current
      return {
        name,
        url,
        endpoint,
        weight,
        tier,
        inFlight,
        limit: Number.isFinite(limit) ? limit : undefined,
        held: backend.demand.waiting,
        latencies: backend.latency.all,
        health: health.status,
        canaries: health.canary.counts,
        leaving,
        unresolved: health.unresolved,
        wakes: this.#wakesAll || backend.demand.canWake,
      }
    }
    const backends = [
      ...this.#select.backends().map((backend) => report(backend, false)),
      ...this.#select.leaving().map((backend) => report(backend, true)),
    ]
    const { used: memory, total: memoryLimit, disk } = this.#options.store
    return {
      state: this.#state,
      now: this.#forwarder.clock.now(),
      active: this.#active.size,
      held: this.#select.held(),
      notices: [...this.#notices],
      routes: this.#select.routes(),
      tasks: this.#select.tasks(),
      bodies: { memory, memoryLimit, disk: disk.usage.bytes, files: disk.usage.files },
      backends,
    }
  }

  *waiting(): Generator<WaitingRequest> {
    for (const { client, start, exchange } of this.#active) {
      const wait = exchange?.wait
      if (exchange === undefined || wait === undefined) continue
      yield { ...wait, start, classification: exchange.classification, client }
    }
  }

  explain(classification: Classification, options?: ExplainOptions): Explanation {
    const explanation = this.#select.explain(classification, options)
    const refusal = this.#refusalOf(classification)
    if (refusal === undefined) return explanation
    const { status, code, message } = refusal
    return { ...explanation, decision: { kind: 'reject', status, code, message } }
  }

  /** The error for a request that does not reach the policy. */
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

  close({ timeout = defaults.drainTimeout, onDrained }: CloseOptions = {}): Promise<void> {
    if (typeof timeout !== 'number' || !(timeout >= 0)) {
      throw new RangeError(`close({ timeout }) takes milliseconds of 0 or more, not ${timeout}.`)
    }
    this.#closed ??= this.#drain(timeout, onDrained)
    return this.#closed
  }

  async #drain(timeout: number, onDrained: CloseOptions['onDrained']): Promise<void> {
    this.#state = 'closing'
    this.#select.suspend()
    await this.#active.idle(timeout)
    try {
      await onDrained?.()
    } catch (error) {
      // A callback that fails does not keep the router from closing.
      process.emitWarning(toError(error))
    }
    this.#refusing = true
    this.#select.close()
    await this.#forwarder.destroy()
    // Requests that wait for a backend are answered now. Requests that wait for their client are cut off.
    await this.#active.ended(defaults.closeGrace)
    for (const { req } of this.#active) req.destroy()
    await this.#active.ended(defaults.closeGrace)
    this.#state = 'closed'
    this.#emitSafely('close')
  }

  #reportOldHttp(client: string | undefined): void {
    const message =
      'Predict requests come over HTTP/1.0, so clients that wait get no heartbeats; in nginx, set proxy_http_version 1.1'
    const notice: RouterNotice = { kind: 'http-1.0', message, client }
    this.#notices.push(notice)
    this.#emitSafely('notice', notice)
  }

  async #predict(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { clock } = this.#forwarder
    const active: ActiveRequest = { req, res, client: clientOf(req), start: clock.now() }
    this.#active.add(active)
    if (req.httpVersion === '1.0' && this.#notices.length === 0) this.#reportOldHttp(active.client)
    try {
      if (this.#refusing) {
        const closed = new RouterClosedError()
        this.#options.tracing?.begin(req).end(endOf(undefined, 0, closed))
        throw closed
      }
      active.exchange = await Exchange.begin(req, res, this.#options)
      active.classified = clock.now()
      await active.exchange.select(this.#select)
      active.sent = clock.now()
      await active.exchange.forward(this.#forwarder)
    } catch (error) {
      const failure = toError(error)
      active.failure = failure
      // Any other error is a bug, in the router or in a listener, and must be visible.
      if (!(failure instanceof RouterError)) process.emitWarning(failure)
      // A body that is still attached stops the upload, which must be read to its end after the answer.
      active.exchange?.body.destroy()
      await answerError(res, failure)
    } finally {
      this.#active.remove(active)
    }
    if (this.#events.listenerCount('request') > 0)
      this.#emitSafely('request', toRequestEvent(active, clock.now()))
  }

  #emitSafely<E extends keyof RouterEvents>(name: E, ...event: RouterEvents[E]): void {
    callSafely(() => this.#events.emit(name, ...event))
  }
}
