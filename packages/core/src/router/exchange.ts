import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Outcome } from '../backend/outcome.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { Classification } from '../classify/classification.ts'
import { clientOf } from '../client-of.ts'
import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { ClientLeftError, RouterError } from '../errors.ts'
import { explainRoute } from '../explain/explain-route.ts'
import { discardUpload } from '../forward/ending.ts'
import type { AttemptResult, ForwardRequest, KeptAnswer } from '../forward/forward-request.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import { ASKING_HEADER } from '../forward/headers.ts'
import { Heartbeat, takesHeartbeats } from '../forward/heartbeat.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'
import { failureOf } from '../retry/failure.ts'
import type { Copy } from '../retry/race.ts'
import { type AttemptContext, type RetryRequest, type RunEnd, run } from '../retry/run.ts'
import type { Select } from '../router/select-backend.ts'
import type { HoldEvent, Lease } from '../routing/lease.ts'
import type { RoutedRequest } from '../routing/routed-request.ts'
import type { SelectOptions } from '../routing/select-options.ts'
import { answerError } from './answers.ts'
import { AttemptLog } from './attempt-log.ts'
import { type ClassifiedExchange, classify } from './classify.ts'
import { deliverPassedOver } from './deliver-passed-over.ts'
import type { ResolvedExchangeOptions } from './exchange-options.ts'
import { RequestWaits, type Waiting } from './request-waits.ts'
import { RouteTeller } from './route-teller.ts'
import { refuseSlowly } from './slow-refusal.ts'
import { endOf, type RequestTrace, refusedWith } from './tracing.ts'

/**
 * One predict request on its way: classified, then leased to a backend, then forwarded.
 *
 * Middleware between the steps may read it and overrule it: set `classification` to change what the policy sees, or
 * call `use()` to name the backend.
 */
export class Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The body: every byte, readable from the start until it is forwarded. */
  readonly body: ReplayBody
  /** What the policy goes by; may be replaced before the backend is selected. */
  classification: Classification
  readonly #keptLength: number | undefined
  readonly #store: BodyStore
  #lease: Lease | undefined
  #named: string | undefined
  #select: Select | undefined
  #routed: RoutedRequest | undefined
  readonly #attempts = new AttemptLog()
  #heartbeat: Heartbeat | undefined
  readonly #waits: RequestWaits
  #forwarding = false
  /** When the response is to say what was decided. */
  readonly #teller: RouteTeller | undefined
  #trace: RequestTrace | undefined
  #failure: Error | undefined
  /** Attempts that were begun. */
  #begun = 0
  /** When a client that takes no heartbeats must have a head, on the clock; `Infinity` for one that does. */
  #headBy = Number.POSITIVE_INFINITY

  private constructor(
    req: IncomingMessage,
    res: ServerResponse,
    classified: ClassifiedExchange,
    { store, explainHeader }: Pick<ResolvedExchangeOptions, 'store' | 'explainHeader'>,
    trace: RequestTrace | undefined,
  ) {
    this.req = req
    this.res = res
    this.body = classified.body
    this.classification = classified.classification
    this.#keptLength = classified.keptLength
    this.#store = store
    this.#waits = new RequestWaits(store, classified.body, () => Math.max(this.#declaredSize, this.body.size))
    this.#trace = trace
    const explains =
      explainHeader === 'always' || (explainHeader === 'on-request' && req.headers[ASKING_HEADER] === '1')
    this.#teller = explains ? new RouteTeller(this) : undefined
    // Whatever ends the response ends the exchange: a client that leaves, or a middleware that answers by itself.
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
  ): Promise<Exchange> {
    const trace = options.tracing?.begin(req)
    try {
      const classified = await classify(req, options)
      trace?.classified(classified.classification)
      return new Exchange(req, res, classified, options, trace)
    } catch (error) {
      trace?.end(refusedWith(error))
      throw error
    }
  }

  /** The lease on the chosen backend, once one is chosen. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  get #declaredSize(): number {
    const declared = this.#keptLength ?? Number(this.req.headers['content-length'] ?? 0)
    return Number.isFinite(declared) ? declared : 0
  }

  /** Name of the route that matches it, once a backend is selected or waited for. */
  get route(): string | undefined {
    return this.#lease?.route ?? this.#routed?.route
  }

  /** What became of the last attempt, once there was one: known before the response ends. */
  get outcome(): Outcome | undefined {
    return this.#attempts.outcome
  }

  /** Whether there was room to keep the body for another attempt. */
  get retained(): boolean {
    return !this.body.givenUp
  }

  /** Every attempt that is over, in the order in which they ended; the one that was answered is the last. */
  get attempts(): readonly AttemptRecord[] {
    return this.#attempts.all
  }

  /** How long it has waited for backends that were full, and for some that could not be used, in milliseconds. */
  get waited(): Readonly<Record<HoldEvent['reason'], number>> {
    return this.#waits.waited
  }

  /** What it waits for now, if it does. */
  get wait(): Waiting | undefined {
    return this.#waits.current
  }

  /** Signs of life that its client was sent. */
  get heartbeats(): number {
    return this.#heartbeat?.count ?? 0
  }

  /** Overrules the policy: the request goes to the backend of this name. Takes effect in `select`. */
  use(backend: string): void {
    this.#named = backend
  }

  /**
   * Chooses the backend, or waits for one; an earlier choice is given back.
   *
   * @throws {NoBackendError} when there is none.
   * @throws {HoldError} when it has waited as long as it may, or too many wait.
   * @throws {ClientLeftError} when the client left while it waited.
   */
  async select(select: Select): Promise<Lease> {
    this.#select = select
    try {
      this.#routed = select.route(this.classification)
      this.#startHeartbeat(select.clock, this.#routed)
      const lease =
        this.#named === undefined ? await this.#choose(select, this.#routed, {}) : select.lease(this.#named)
      this.#lease?.release()
      this.#lease = lease
      this.#failure = undefined
      if (this.res.destroyed) this.#dispose()
      return lease
    } catch (error) {
      this.#heartbeat?.cut()
      this.#fail(error)
      if (this.res.destroyed) this.#dispose()
      throw error
    }
  }

  /**
   * Forwards the request to the chosen backend, when that fails to others of its route, and answers with what one of
   * them answers, or with an error.
   *
   * @returns the last outcome, when the response is done.
   */
  async forward(forwarder: Forwarder): Promise<Outcome> {
    if (this.#lease === undefined)
      throw new RouterError('not-classified', 'No backend is chosen: put selectBackend() before forward().')
    this.#forwarding = true
    if (this.#select !== undefined) forwarder.watch(this.#select)
    forwarder.retryBudget.count()
    try {
      const end = await run(this.#retryRequest(forwarder), this.#lease)
      this.body.destroy()
      if (end.outcome.reachedClient) return end.outcome
      return await this.#answerBadly(forwarder, end).finally(() => end.telling?.answer?.release())
    } catch (error) {
      // A mistake in the code, such as a body that was released too early, or the wait for a backend was in vain.
      this.#heartbeat?.cut()
      this.#fail(error)
      this.body.destroy()
      throw error
    } finally {
      this.#endTrace()
    }
  }

  #choose(select: Select, routed: RoutedRequest, options: SelectOptions): Promise<Lease> {
    const teller = this.#teller
    const selecting = routed.select({
      ...options,
      client: clientOf(this.req),
      deadline: Math.min(options.deadline ?? Number.POSITIVE_INFINITY, this.#headBy),
      isReady: () => this.body.ready,
      size: () => Math.max(this.#declaredSize, this.body.size),
      onDecision: teller && ((decided) => teller.noteDecision(explainRoute(decided))),
      onWait: (wait) => {
        this.#waits.begin(wait, select, this.#trace?.wait(wait.reason))
        if (this.res.destroyed) wait.leave(new ClientLeftError())
      },
    })
    // Most need not wait, and have it at once.
    return !this.#waits.isWaiting ? selecting : selecting.finally(() => this.#waits.end(select))
  }

  /** The request as the retry loop sees it. */
  #retryRequest(forwarder: Forwarder): RetryRequest<KeptAnswer> {
    const [select, routed] = [this.#select, this.#routed]
    return {
      clock: forwarder.clock,
      retryBudget: forwarder.retryBudget,
      hedgeBudget: forwarder.hedgeBudget,
      retained: () => this.body.retained,
      canBeCopied: () => this.body.complete && this.body.retained,
      send: (copy, context) => this.#attempt(forwarder, copy, context),
      select: select && routed && ((options) => this.#choose(select, routed, options)),
      onLease: (lease) => {
        this.#lease = lease
      },
      drop: (answer) => answer.release(),
      onAttempt: (record, copy) => this.#attempts.add(copy, record),
    }
  }

  async #attempt(forwarder: Forwarder, copy: Copy, context: AttemptContext): Promise<AttemptResult> {
    const { lease, hedge, superseded, onCommit } = copy
    const { backend } = lease
    if (this.res.destroyed)
      return {
        outcome: { kind: 'client-left', reachedBackend: false, reachedClient: false },
        answer: undefined,
      }
    const trace = this.#trace?.attempt({ backend, before: this.#begun++, hedge })
    const send = () =>
      forwarder.attempt(this.#forwardRequest(copy), {
        backend,
        timeouts: lease.timeouts,
        deadline: context.deadline,
        headBy: this.#headBy,
        hasOther: context.hasOther,
        wouldGoOn: () => context.wouldGoOn(GONE) && (lease.holds || lease.provenOther()),
        onOutcome: (outcome) => this.#attempts.note(copy, context.record(outcome)),
        marks: context.marks,
        own: trace,
        superseded,
        onCommit,
      })
    let ended: Outcome | undefined
    try {
      const result = await (trace === undefined ? send() : trace.run(send))
      ended = result.outcome
      return result
    } finally {
      trace?.end(ended && context.record(ended))
    }
  }

  /** @param copy Whose answer is given to the client. */
  #forwardRequest(copy: Copy | undefined): ForwardRequest {
    const { req, res, body, classification } = this
    const teller = this.#teller
    const kept = { store: this.#store, keptLength: this.#keptLength, heartbeat: this.#heartbeat }
    const routeHeader = teller && (() => teller.header(undefined, copy))
    return { req, res, body, classification, ...kept, routeHeader }
  }

  /** No good answer came: the client gets the most telling one, or an error of the router. */
  async #answerBadly(
    forwarder: Forwarder,
    { outcome, telling, outOfBudget }: RunEnd<KeptAnswer>,
  ): Promise<Outcome> {
    if (telling?.answer !== undefined && this.#heartbeat?.begun !== true) {
      this.#heartbeat?.stop()
      const { record, answer } = telling
      const request = this.#forwardRequest(undefined)
      const delivered = await deliverPassedOver(forwarder, request, { record, answer }, this.#attempts)
      if (delivered !== undefined) return delivered
    }
    const failure = failureOf(this.attempts, outOfBudget)
    if (failure === undefined) return outcome
    this.#heartbeat?.cut()
    this.#fail(failure)
    await answerError(this.res, failure)
    return outcome
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error))
    this.#teller?.tell(error)
    const select = this.#select
    if (select === undefined || !this.classification.classified || this.#routed?.isHeldBulk !== true) return
    refuseSlowly(this.res, { by: select, client: clientOf(this.req), drop: () => this.body.destroy() })
  }

  #endTrace(): void {
    const trace = this.#trace
    if (trace === undefined) return
    this.#trace = undefined
    trace.end(endOf(this, this.#begun, this.#failure))
  }

  #startHeartbeat(clock: Clock, { heartbeats }: RoutedRequest): void {
    if (this.#heartbeat !== undefined) return
    if (!this.classification.classified || !takesHeartbeats(this.req))
      this.#headBy = clock.now() + defaults.longestSilence
    else if (heartbeats !== undefined)
      this.#heartbeat = new Heartbeat(this.res, clock, heartbeats, () => this.body.starving)
  }

  #dispose(): void {
    this.#heartbeat?.stop()
    // One that waits ends when it has left.
    if (this.#waits.isWaiting) this.#waits.leave(new ClientLeftError())
    if (this.#forwarding) return
    if (!this.#waits.isWaiting) this.#endTrace()
    this.#lease?.release()
    this.body.destroy()
    discardUpload(this.req)
  }
}

const GONE: Outcome = {
  kind: 'failed',
  cause: 'gone',
  error: new Error('gone'),
  reachedBackend: true,
  reachedClient: false,
}
