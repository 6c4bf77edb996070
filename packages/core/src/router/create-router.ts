import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { DrainOptions } from '../backend/backend-group.ts'
import type { Outcome } from '../backend/outcome.ts'
import { callSafely, toError } from '../call-safely.ts'
import type { Classification } from '../classify/classification.ts'
import { diffOptions, type PolicyChanges } from '../config/changes.ts'
import { defaults } from '../config/defaults.ts'
import { resolveConfig } from '../config/resolve.ts'
import { RouterClosedError, RouterError, UnclassifiedError } from '../errors.ts'
import type { Explanation } from '../explain/explanation.ts'
import { Forwarder } from '../forward/forwarder.ts'
import { pathOf } from '../incoming-message.ts'
import { type ExpectedJobs, selectBackend } from '../router/select-backend.ts'
import type { Lease } from '../routing/lease.ts'
import type { ExplainOptions } from '../routing/select-options.ts'
import { type ActiveRequest, ActiveRequests } from './active-requests.ts'
import { answer, answerError } from './answers.ts'
import type { ClassifiedExchange } from './classify-request.ts'
import { Exchange } from './exchange.ts'
import { checkExchange, type ResolvedExchangeOptions, resolveExchangeOptions } from './exchange-options.ts'
import { ModuleRegistry } from './modules.ts'
import { NoticeBoard } from './notices.ts'
import { answerOther } from './other-requests.ts'
import { OwnNotices } from './own-notices.ts'
import type { BackendEvent } from './policy-runtime.ts'
import { toRequestEvent } from './request-event.ts'
import type {
  CloseOptions,
  ReloadOptions,
  Router,
  RouterEvents,
  RouterOptions,
  RouterStatus,
  WaitingRequest,
} from './router.ts'
import type { RouterBackends } from './router-backends.ts'
import { routerStatus } from './router-status.ts'
import { Stepwise } from './stepwise.ts'
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
  readonly notices = new NoticeBoard((notice) => this.#emitSafely('notice', notice))
  readonly modules = new ModuleRegistry()
  readonly #ownNotices: OwnNotices
  #basePaths: readonly string[] = []
  #predictPaths: readonly string[] = []
  readonly #wakesAll: boolean
  #state: RouterStatus['state'] = 'running'
  /** Whether the drain is over: new requests are refused. */
  #refusing = false
  #closed: Promise<void> | undefined
  /** Aborted to end the drain. */
  readonly #cut = new AbortController()
  /** The requests whose steps are called one by one. */
  readonly #stepwise: Stepwise

  constructor(options: RouterOptions) {
    const { proxy, clock, resolver, onUnavailable, tracing, ...data } = options ?? {}
    const { paths, written } = resolveConfig(data)
    this.modules.configure(data)
    this.#setPaths(paths)
    this.#options = resolveExchangeOptions({ ...written.exchange, tracing })
    this.#written = { ...written.exchange, ...written.forward, ...written.modules, path: paths }
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
    this.#active = new ActiveRequests(this.#forwarder.clock, this.modules)
    this.#ownNotices = new OwnNotices(this.notices, this.#options.store)
    this.#stepwise = new Stepwise(this.#active, {
      onArrival: (active) => {
        this.#ownNotices.arrived(active, this.#forwarder.clock.now())
        this.modules.check(this.notices)
      },
      onEnd: (active) => this.#end(active),
    })
  }

  reload(options: ReloadOptions): PolicyChanges {
    if (this.#state !== 'running') throw new RouterClosedError()
    const { paths, exchange, written } = resolveConfig(options)
    // Steps that may throw come first: a mistake changes nothing.
    const { retention, ...checked } = checkExchange(exchange)
    const commitForward = this.#forwarder.prepare(written.forward)
    const commitPolicy = this.#select.prepare(written.policy)
    const ownOptions = { ...written.exchange, ...written.forward, ...written.modules, path: paths }
    const own = diffOptions(this.#written, ownOptions)
    this.modules.configure(options)
    this.#options.store.configure(retention)
    this.#options = { ...this.#options, ...checked }
    commitForward()
    this.#setPaths(paths)
    this.#written = ownOptions
    // The last, since it tells of backends: a listener may reload in turn.
    const changes = commitPolicy()
    const all = { ...changes, options: [...changes.options, ...own].sort() }
    this.#emitSafely('reload', all)
    return all
  }

  get backends(): RouterBackends {
    return this.#select.examined
  }

  #setPaths(paths: readonly string[]): void {
    this.#basePaths = paths
    this.#predictPaths = paths.map((path) => `${path}/predict`)
  }

  async handle(
    req: IncomingMessage,
    res: ServerResponse,
    next?: () => unknown,
    exchange?: Exchange,
  ): Promise<void> {
    if (req.method !== 'POST' || !this.#predictPaths.includes(pathOf(req)))
      return answerOther(req, res, { next, basePaths: this.#basePaths, ping: () => this.#answerPing(res) })
    const { clock } = this.#forwarder
    const active = (exchange && this.#stepwise.get(exchange)) ?? this.#active.add(req, res)
    active.busy = true
    if (req.httpVersion === '1.0') this.#ownNotices.arrived(active, clock.now())
    if (!this.modules.isChecked) this.modules.check(this.notices)
    try {
      if (this.#refusing) this.#refuse(exchange === undefined ? req : undefined)
      active.exchange = exchange ?? (await Exchange.begin(req, res, this.#options, active.head))
      active.classified ??= clock.now()
      if (exchange === undefined && this.#events.listenerCount('classified') > 0)
        this.#emitSafely('classified', active.exchange.classification)
      const lease = await active.exchange.select(this.#select, { retry: active.admitted }, active)
      if (lease !== undefined) {
        active.sent = clock.now()
        await active.exchange.forward(this.#forwarder)
      }
    } catch (error) {
      const failure = toError(error)
      active.failure = failure
      // Any other error is a bug, in the router or in a listener, and must be visible.
      if (!(failure instanceof RouterError)) process.emitWarning(failure)
      const begun = active.exchange ?? exchange
      // A body that is still attached stops the upload, which must be read to its end after the answer.
      begun?.body.destroy()
      await answerError(res, failure)
    }
    this.#end(active)
  }

  /** Ends a request, once. */
  #end(active: ActiveRequest): void {
    if (this.#active.remove(active) && this.#events.listenerCount('request') > 0)
      this.#emitSafely('request', toRequestEvent(active, this.#forwarder.clock.now()))
  }

  /** @param req The request, if its trace has not begun. @throws {RouterClosedError} */
  #refuse(req: IncomingMessage | undefined): never {
    const closed = new RouterClosedError()
    if (req !== undefined) this.#options.tracing?.begin(req).end(endOf(undefined, 0, closed))
    throw closed
  }

  async classify(
    req: IncomingMessage,
    res: ServerResponse,
    known?: ClassifiedExchange,
  ): Promise<Exchange | undefined> {
    if (req.method !== 'POST' || !this.#predictPaths.includes(pathOf(req))) return undefined
    return this.#stepwise.begin(req, res, async (active) => {
      if (this.#refusing) this.#refuse(req)
      active.exchange = await Exchange.begin(req, res, this.#options, active.head, known)
      active.classified = this.#forwarder.clock.now()
      this.#emitSafely('classified', active.exchange.classification)
      return active.exchange
    })
  }

  select(exchange: Exchange): Promise<Lease | undefined> {
    return this.#stepwise.go(exchange, (active) => {
      if (this.#refusing) this.#refuse(undefined)
      return exchange.select(this.#select, { retry: active.admitted }, active)
    })
  }

  forward(exchange: Exchange): Promise<Outcome> {
    return this.#stepwise.go(exchange, (active) => {
      if (this.#refusing) this.#refuse(undefined)
      active.sent ??= this.#forwarder.clock.now()
      return exchange.forward(this.#forwarder)
    })
  }

  /** Immich treats a server that does not answer this as down, and uses the next one of its list. */
  #answerPing(res: ServerResponse): Promise<void> {
    if (this.#state !== 'running') return answerError(res, new RouterClosedError())
    if (this.#select.useful()) return answer(res, 200, 'pong')
    return answerError(res, new RouterError('no-backend-available', 'No backend can be reached.'))
  }

  on<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): () => void {
    this.#events.on(event, listener)
    return () => this.off(event, listener)
  }

  once<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): () => void {
    this.#events.once(event, listener)
    return () => this.off(event, listener)
  }

  off<E extends keyof RouterEvents>(event: E, listener: (...args: RouterEvents[E]) => void): void {
    this.#events.off(event, listener)
  }

  status(): RouterStatus {
    const now = this.#forwarder.clock.now()
    this.#ownNotices.check(now)
    const own = { state: this.#state, now, active: this.#active.jobs, notices: this.notices.all }
    const [select, wakesAll] = [this.#select, this.#wakesAll]
    return routerStatus({ ...own, select, store: this.#options.store, wakesAll })
  }

  waiting(): Iterable<WaitingRequest> {
    return this.#active.waiting()
  }

  explain(classification: Classification, options?: ExplainOptions): Explanation {
    const select = this.#select
    const explanation =
      this.modules.splitter?.explain(select, classification, options) ??
      select.explain(classification, options)
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

  drain(backend: string, options?: DrainOptions): Promise<void> {
    return this.#select.drain(backend, options)
  }

  enable(backend: string): void {
    this.#select.enable(backend)
  }

  wake(backend: string): Promise<void> {
    return this.#select.wake(backend)
  }

  probe(backend: string): Promise<string | undefined> {
    return this.#select.probe(backend)
  }

  report(event: BackendEvent): void {
    this.#emitSafely('backend', event)
  }

  expect(backend: string, jobs: ExpectedJobs): void {
    this.#select.expect(backend, jobs)
  }

  close({ timeout = defaults.drainTimeout, onDrained, signal }: CloseOptions = {}): Promise<void> {
    if (typeof timeout !== 'number' || !(timeout >= 0)) {
      throw new RangeError(`close({ timeout }) takes milliseconds of 0 or more, not ${timeout}.`)
    }
    const cut = () => this.#cut.abort()
    if (signal?.aborted === true) cut()
    signal?.addEventListener('abort', cut)
    this.#closed ??= this.#drain(timeout, onDrained).then(() => this.modules.close())
    return this.#closed.finally(() => signal?.removeEventListener('abort', cut))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #drain(timeout: number, onDrained: CloseOptions['onDrained']): Promise<void> {
    this.#state = 'closing'
    this.#active.admit()
    this.#select.suspend()
    await this.#active.idle(timeout, this.#cut.signal)
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

  #emitSafely<E extends keyof RouterEvents>(name: E, ...event: RouterEvents[E]): void {
    callSafely(() => this.#events.emit(name, ...event))
  }
}
