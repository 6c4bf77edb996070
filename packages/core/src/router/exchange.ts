import type { IncomingMessage, ServerResponse } from 'node:http'
import { LEFT, type Outcome } from '../backend/outcome.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import { toError } from '../call-safely.ts'
import type { Classification } from '../classify/classification.ts'
import { defaults } from '../config/defaults.ts'
import { ClientLeftError, RouterError } from '../errors.ts'
import { explainRoute } from '../explain/explain-route.ts'
import type { AttemptPlan, AttemptResult, ForwardRequest } from '../forward/forward-request.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import { ASKING_HEADER } from '../forward/headers.ts'
import { Heartbeat, takesHeartbeats } from '../forward/heartbeat.ts'
import { discardUpload } from '../forward/response-writer.ts'
import { IncomingHead, type RequestHead } from '../incoming-message.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import { type AttemptContext, run } from '../retry/run.ts'
import type { HoldEvent, Lease } from '../routing/lease.ts'
import type { RoutedRequest } from '../routing/routed-request.ts'
import type { SelectOptions } from '../routing/select-options.ts'
import type { ActiveRequest } from './active-requests.ts'
import { answerFailed } from './answer-failed.ts'
import { AttemptLog } from './attempt-log.ts'
import { type ClassifiedExchange, classifyRequest } from './classify-request.ts'
import { askCanary, pauseCanaries, repeatOn, sampleOf } from './exchange-canary.ts'
import type { ResolvedExchangeOptions } from './exchange-options.ts'
import { NO_LOOK } from './freeze-detector.ts'
import { NO_WAITS, RequestWaits, type Waiting } from './request-waits.ts'
import { RouteHeader } from './route-header.ts'
import type { Select } from './select-backend.ts'
import { refuseSlowly } from './slow-refusal.ts'
import { splitAfter } from './splitter.ts'
import { endOf, followAttempt, type RequestTrace } from './tracing.ts'

/**
 * One predict request: classified, then leased to a backend, then forwarded.
 *
 * Middleware between the steps may read it and overrule it: set `classification` to change what the policy sees, or
 * call `use()` to name the backend.
 */
export class Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The body: every byte, readable from the start until it is forwarded. */
  readonly body: ReplayBody
  /** The input of the policy; may be replaced before the backend is selected. */
  classification: Classification
  /** Number of requests that answer it, each for a task; `undefined` unless it is split. */
  parts: number | undefined
  readonly #isPart: boolean
  readonly #head: RequestHead
  readonly #keptLength: number | undefined
  readonly #store: BodyStore
  #lease: Lease | undefined
  #named: string | undefined
  #select: Select | undefined
  #routed: RoutedRequest | undefined
  readonly #attempts = new AttemptLog()
  #heartbeat: Heartbeat | undefined
  /** From its first wait on. */
  #waits: RequestWaits | undefined
  #forwarding = false
  /** Set when the response should explain the decision. */
  readonly #routeHeader: RouteHeader | undefined
  #trace: RequestTrace | undefined
  #failure: Error | undefined
  #saved: ActiveRequest['saved']
  /** Number of attempts that began. */
  #begun = 0
  /** When a client that takes no heartbeats needs the head of an answer, on the clock; `Infinity` for others. */
  #headBy: number

  private constructor(
    req: IncomingMessage,
    res: ServerResponse,
    head: RequestHead,
    classified: ClassifiedExchange,
    { store, explainHeader }: Pick<ResolvedExchangeOptions, 'store' | 'explainHeader'>,
    trace: RequestTrace | undefined,
  ) {
    this.req = req
    this.res = res
    this.#head = head
    this.body = classified.body
    this.classification = classified.classification
    this.#keptLength = classified.keptLength
    this.#isPart = classified.headBy !== undefined
    this.#headBy = classified.headBy ?? Number.POSITIVE_INFINITY
    this.#store = store
    this.#trace = trace
    const explains =
      explainHeader === 'always' || (explainHeader === 'on-request' && req.headers[ASKING_HEADER] === '1')
    this.#routeHeader = explains ? new RouteHeader(this) : undefined
    // Any end of the response ends the exchange: a client that leaves, or a middleware that answers by itself.
    res.once('close', () => this.#dispose())
  }

  /**
   * Classifies the request.
   *
   * @throws {RouterError} when it cannot go on; {@link answerError} makes an answer of it.
   */
  static async begin(
    req: IncomingMessage,
    res: ServerResponse,
    options: ResolvedExchangeOptions,
    head: RequestHead = new IncomingHead(req),
    known?: ClassifiedExchange,
  ): Promise<Exchange> {
    const trace = options.tracing?.begin(req)
    const classified = known ?? (await classifyRequest(req, options, trace))
    trace?.classified(classified.classification)
    return new Exchange(req, res, head, classified, options, trace)
  }

  /** The lease on the chosen backend, once one is chosen. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  /** Bytes of its body, as far as they are known. */
  #size(): number {
    const declared = this.#keptLength ?? Number(this.req.headers['content-length'] ?? 0)
    return Math.max(Number.isFinite(declared) ? declared : 0, this.body.size)
  }

  /** Name of the route that matches it, once a backend is selected or waited for. */
  get route(): string | undefined {
    return this.#lease?.route ?? this.#routed?.route
  }

  /** Its tenant, once a backend is selected or waited for; `undefined` when it has none, or the policy has no tenants. */
  get tenant(): string | undefined {
    return this.#routed?.tenant || undefined
  }

  /** The outcome of the last attempt, if there was one; known before the response ends. */
  get outcome(): Outcome | undefined {
    return this.#attempts.all.at(-1)?.outcome
  }

  /** Completed attempts in the order in which they ended; the answered one is the last. */
  get attempts(): readonly AttemptRecord[] {
    return this.#attempts.all
  }

  /** How long it has waited for backends at their limit and for unavailable ones, in milliseconds. */
  get waited(): Readonly<Record<HoldEvent['reason'], number>> {
    return this.#waits?.waited ?? NO_WAITS
  }

  /** Its current wait. */
  get wait(): Waiting | undefined {
    return this.#waits?.current
  }

  /** Heartbeats that its client was sent. */
  get heartbeats(): number {
    return this.#heartbeat?.count ?? 0
  }

  /** Overrules the policy: the request goes to the backend of this name. Takes effect in `select`. */
  use(backend: string): void {
    this.#named = backend
  }

  /**
   * Chooses the backend, or waits for one; an earlier choice is released first.
   *
   * @param options `retry`, when the request must not wait for the end of a drain.
   * @param helped The answer that the request may have without a backend, and what may split it.
   * @returns `undefined` when the client has such an answer.
   * @throws {NoBackendError} when there is none.
   * @throws {HoldError} when it waited as long as it may, or too many requests wait.
   * @throws {ClientLeftError} when the client left while it waited.
   */
  async select(
    select: Select,
    options: Pick<SelectOptions, 'retry'> = {},
    { saved, splitter }: Pick<ActiveRequest, 'saved' | 'splitter'> = {},
  ): Promise<Lease | undefined> {
    this.#select = select
    this.#lease?.release()
    this.#lease = undefined
    try {
      const routed = select.route(this.classification, this.#head)
      this.#routed = routed
      this.#saved = saved
      if (saved?.find(this, routed.searchCache) === true) return await saved.give(this)
      if (this.#heartbeat === undefined && !this.#isPart) {
        const { classification, res, body } = this
        if (!classification.classified || !takesHeartbeats(this.req))
          this.#headBy = select.clock.now() + defaults.longestSilence
        else if (routed.heartbeats !== undefined)
          this.#heartbeat = new Heartbeat(res, select.clock, routed.heartbeats, () => body.starving)
      }
      const lease =
        this.#named === undefined ? await this.#choose(select, routed, options) : select.lease(this.#named)
      this.#lease = lease
      this.#failure = undefined
      if (this.res.destroyed) this.#dispose()
      return lease
    } catch (failure) {
      if (saved?.mends(failure) === true) return saved.give(this, this.#heartbeat)
      const own = { select, head: this.#head, store: this.#store, heartbeat: this.#heartbeat }
      const error = await splitAfter(failure, splitter, { ...own, exchange: this, headBy: this.#headBy })
      if (error === undefined) return undefined
      this.#heartbeat?.cut()
      this.#fail(error)
      if (this.res.destroyed) this.#dispose()
      throw error
    }
  }

  /**
   * Forwards the request to the chosen backend and, when that fails, to others of its route; answers, if need be with an error.
   *
   * @returns the last outcome, when the response is done.
   */
  async forward(forwarder: Forwarder): Promise<Outcome> {
    const [select, routed] = [this.#select, this.#routed]
    if (this.#lease === undefined)
      throw new RouterError('not-classified', 'No backend is chosen: put selectBackend() before forward().')
    this.#forwarding = true
    if (select !== undefined) forwarder.watch(select)
    const { clock, retryBudget, hedgeBudget, rescueBudget } = forwarder
    retryBudget.count()
    const { req, res, body, classification } = this
    const header = this.#routeHeader
    const forwarded: ForwardRequest = {
      req,
      res,
      body,
      classification,
      store: this.#store,
      keptLength: this.#keptLength,
      heartbeat: this.#heartbeat,
      onGood: (answer) => {
        select?.canaries.answeredWell(classification, () => sampleOf(this, answer))
        this.#saved?.keep(answer)
      },
      routeHeader: header && ((attempt) => header.value(undefined, attempt)),
    }
    const request = {
      clock,
      retryBudget,
      hedgeBudget,
      rescueBudget,
      retained: () => body.retained,
      canHedge: () => body.complete && body.retained,
      ask: ({ backend }: Lease, longest: number) => askCanary(select, backend, this, longest),
      pause: ({ backend }: Lease) => pauseCanaries(select, backend, res),
      repeat: ({ backend }: Lease, most: number) => repeatOn(select, backend, most, res),
      send: (attempt: AttemptContext) => this.#attempt(forwarder, forwarded, attempt),
      select: select && routed && ((options: SelectOptions) => this.#choose(select, routed, options)),
      onLease: (lease: Lease) => {
        this.#lease = lease
      },
      onAttempt: (record: AttemptRecord, attempt: AttemptContext) => this.#attempts.set(attempt, record),
    }
    try {
      const result = await run(request, this.#lease)
      this.body.destroy()
      if (result.outcome.reachedClient) return result.outcome
      const failed = { forwarder, request: forwarded, attempts: this.#attempts, saved: this.#saved }
      const answered = answerFailed(failed, result, (error) => this.#fail(error))
      return await answered.finally(() => result.best?.answer?.release())
    } catch (error) {
      if (this.#saved?.mends(error) === true) {
        await this.#saved.give(this, this.#heartbeat)
        return this.outcome ?? LEFT
      }
      // A bug, such as a body that was released too early, or the wait for a backend failed.
      this.#heartbeat?.cut()
      this.#fail(error)
      this.body.destroy()
      throw error
    } finally {
      if (this.#trace !== undefined) this.#endTrace(this.#trace)
    }
  }

  #choose(select: Select, routed: RoutedRequest, options: SelectOptions): Promise<Lease> {
    const header = this.#routeHeader
    const selecting = routed.select({
      ...options,
      deadline: Math.min(options.deadline ?? Number.POSITIVE_INFINITY, this.#headBy),
      isReady: () => this.body.ready,
      size: () => this.#size(),
      onDecision:
        (header ?? this.#saved) &&
        ((decided) => {
          header?.decided(explainRoute(decided))
          this.#saved?.check(decided)
        }),
      onWait: (wait) => {
        this.#waits ??= new RequestWaits(this.#store, this.body, () => this.#size())
        this.#waits.begin(wait, select, this.#trace?.wait(wait.reason))
        if (this.res.destroyed) wait.leave(new ClientLeftError())
      },
    })
    // Most requests need not wait, and have it at once.
    return this.#waits?.isWaiting === true ? selecting.finally(() => this.#waits?.end(select)) : selecting
  }

  async #attempt(
    forwarder: Forwarder,
    request: ForwardRequest,
    attempt: AttemptContext,
  ): Promise<AttemptResult> {
    const { lease, hedge } = attempt
    const { req, classification } = this
    if (this.res.destroyed) return { outcome: LEFT, answer: undefined }
    const { backend } = lease
    const own = this.#trace?.attempt({ backend, before: this.#begun++, hedge })
    const plan: AttemptPlan = {
      ...attempt,
      look: this.#select?.freezes.watch({ lease, classification, headers: req.headers }) ?? NO_LOOK,
      headBy: this.#headBy,
      own,
      onOutcome: (outcome) => this.#attempts.set(attempt, attempt.record(outcome)),
    }
    if (own === undefined) return forwarder.attempt(request, plan)
    return followAttempt(own, () => forwarder.attempt(request, plan), attempt)
  }

  #fail(error: unknown): void {
    this.#failure = toError(error)
    this.#routeHeader?.set(error)
    const select = this.#select
    if (select === undefined || !this.classification.classified || this.#routed?.isHeldBulk !== true) return
    refuseSlowly(this.res, { by: select, client: this.#head.client, drop: () => this.body.destroy() })
  }

  #endTrace(trace: RequestTrace): void {
    this.#trace = undefined
    trace.end(endOf(this, this.#begun, this.#failure))
  }

  #dispose(): void {
    this.#heartbeat?.stop()
    // A request that waits ends once it has left the queue.
    if (this.#waits?.isWaiting === true) this.#waits.leave(new ClientLeftError())
    if (this.#forwarding) return
    if (this.#waits?.isWaiting !== true && this.#trace !== undefined) this.#endTrace(this.#trace)
    this.#lease?.release()
    this.body.destroy()
    discardUpload(this.req)
  }
}
