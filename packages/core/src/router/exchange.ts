import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Outcome } from '../backend/outcome.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { Classification } from '../classify/classification.ts'
import { clientOf } from '../client-of.ts'
import { defaults } from '../defaults.ts'
import { ClientLeftError, NoBackendError, RouterError } from '../errors.ts'
import { discardUpload } from '../forward/ending.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import { ASKING_HEADER } from '../forward/headers.ts'
import { Heartbeat, takesHeartbeats } from '../forward/heartbeat.ts'
import type { HoldEvent, Lease } from '../policy/lease.ts'
import type { SelectOptions } from '../policy/route-selection.ts'
import type { Wait } from '../policy/route-wait.ts'
import type { Select } from '../policy/select-backend.ts'
import { answerError } from './answers.ts'
import { type AttemptRecord, AttemptRecorder } from './attempt-record.ts'
import { type ClassifiedExchange, classify } from './classify.ts'
import type { ResolvedExchangeOptions } from './exchange-options.ts'
import { failureOf, idsOf, isFree, nextStep, type Step, triedBackends } from './failover.ts'
import { type Copy, Race } from './race.ts'
import { RouteTeller } from './route-teller.ts'
import { endOf, type RequestTrace, refusedWith } from './tracing.ts'

/** A request's wait for a backend. */
export interface Waiting {
  /** Name of the route. */
  readonly route: string
  /** What for: its backends have as many requests as they may have, or none can be used. */
  readonly reason: HoldEvent['reason']
  /** Since when, on the clock; it may have waited before. */
  readonly since: number
}

const FAILOVER_STATUSES: ReadonlySet<number> = new Set(defaults.failoverStatuses)

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
  readonly #attempts: AttemptRecord[] = []
  #outOfBudget = false
  /** Whether the retry budget has let this attempt's answer be dropped. */
  #paid = false
  #heartbeat: Heartbeat | undefined
  readonly #waited = { full: 0, unavailable: 0 }
  #wait: (Wait & { readonly since: number; readonly endTraced: (() => void) | undefined }) | undefined
  #forwarding = false
  /** When the response is to say what was decided. */
  readonly #teller: RouteTeller | undefined
  #trace: RequestTrace | undefined
  #failure: Error | undefined
  /** Attempts that were begun. */
  #begun = 0

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

  /** What became of the last attempt, once there was one. */
  get outcome(): Outcome | undefined {
    return this.#attempts.at(-1)?.outcome
  }

  /** Whether there was room to keep the body for another attempt. */
  get retained(): boolean {
    return !this.body.givenUp
  }

  /** Every attempt that is over, in the order in which they ended; the one that was answered is the last. */
  get attempts(): readonly AttemptRecord[] {
    return this.#attempts
  }

  /** How long it has waited for backends that were full, and for some that could not be used, in milliseconds. */
  get waited(): Readonly<Record<HoldEvent['reason'], number>> {
    return this.#waited
  }

  /** What it waits for now, if it does. */
  get wait(): Waiting | undefined {
    const wait = this.#wait
    return wait && { ...wait.now(), since: wait.since }
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
    this.#startHeartbeat(select)
    try {
      const lease = this.#named === undefined ? await this.#choose(select, {}) : select.lease(this.#named)
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
      const outcome = await this.#forwardUntilAnswered(forwarder, this.#lease)
      this.body.destroy()
      if (!outcome.reachedClient) await this.#answerFailure()
      return outcome
    } catch (error) {
      // A mistake in the code, such as a body that was released too early, or nothing came of waiting for a backend.
      this.#fail(error)
      this.#lease.release()
      this.body.destroy()
      throw error
    } finally {
      this.#endTrace()
    }
  }

  #choose(select: Select, options: SelectOptions): Promise<Lease> {
    const teller = this.#teller
    const selecting = select(this.classification, {
      ...options,
      client: clientOf(this.req),
      isReady: () => this.body.ready,
      onDecision: teller && ((explained) => teller.noteDecision(explained)),
      onWait: (wait) => {
        this.#wait = { ...wait, since: select.clock.now(), endTraced: this.#trace?.wait(wait.reason) }
        // Whoever waits for a machine to wake may wait for hours, and for a slot not for long.
        this.body.hold(this.#store, wait.reason === 'unavailable' ? 'disk' : 'memory', wait.ready)
        if (this.res.destroyed) wait.leave(new ClientLeftError())
      },
    })
    // Most need not wait, and have it at once.
    return this.#wait === undefined ? selecting : selecting.finally(() => this.#endWait(select))
  }

  /** It has a backend, or will get none. */
  #endWait({ clock }: Select): void {
    const wait = this.#wait
    if (wait === undefined) return
    wait.endTraced?.()
    this.#waited[wait.reason] += clock.now() - wait.since
    this.#wait = undefined
  }

  async #forwardUntilAnswered(forwarder: Forwarder, first: Lease): Promise<Outcome> {
    const deadline = forwarder.clock.now() + first.timeouts.total
    let next = first
    if (first.hedges > 0) forwarder.hedgeBudget.count()
    for (;;) {
      this.#paid = false
      const { lease, outcome, copies } =
        next.hedges > 0
          ? await this.#race(forwarder, deadline).run(next)
          : {
              lease: next,
              outcome: await this.#attempt(forwarder, { lease: next, ...ALONE }, deadline),
              copies: 1,
            }
      this.#lease = lease
      const step = forwarder.clock.now() < deadline ? this.#next(lease, copies) : 'stop'
      next = lease
      if (step === 'same') continue
      lease.release(outcome)
      if (step === 'stop' || this.#select === undefined) return outcome
      if (!this.#paid && !this.#mayRetry(forwarder, outcome, lease)) return outcome
      const another = await this.#another(this.#select, lease, deadline)
      if (another === undefined) return outcome
      next = another
      this.#lease = another
    }
  }

  #race(forwarder: Forwarder, deadline: number): Race {
    return new Race({
      clock: forwarder.clock,
      budget: forwarder.hedgeBudget,
      tried: idsOf(this.#attempts),
      canBeCopied: () => this.body.complete && this.body.retained,
      attempt: (copy) => this.#attempt(forwarder, copy, deadline),
    })
  }

  /** @returns `undefined` when there is none left, as when they were drained meanwhile. */
  async #another(select: Select, lease: Lease, deadline: number): Promise<Lease | undefined> {
    const tried = triedBackends(this.#attempts, lease)
    try {
      return await this.#choose(select, { ...tried, retry: true, place: lease.place, deadline })
    } catch (error) {
      this.#heartbeat?.cut()
      if (error instanceof NoBackendError) return undefined
      throw error
    }
  }

  async #attempt(forwarder: Forwarder, copy: Copy, deadline: number): Promise<Outcome> {
    const { lease, hedge, superseded, onCommit } = copy
    const { req, res, body } = this
    const { backend } = lease
    const [store, keptLength, heartbeat] = [this.#store, this.#keptLength, this.#heartbeat]
    const teller = this.#teller
    const routeHeader = teller && (() => teller.header(undefined, copy))
    const recorder = new AttemptRecorder(copy, forwarder.clock, this.#attempts)
    const { marks } = recorder
    const wouldGoOn = (outcome: Outcome) =>
      nextStep([...this.#attempts, recorder.record(outcome)], lease, body.retained) !== 'stop'
    const trace = this.#trace?.attempt({ backend, before: this.#begun++, hedge })
    const send = () =>
      forwarder.attempt(
        { req, res, body, store, keptLength, heartbeat, routeHeader },
        {
          backend,
          timeouts: lease.timeouts,
          deadline,
          isWorthAFile: () => lease.holds || wouldGoOn(PASSED_OVER),
          wouldGoOn: () => wouldGoOn(GONE) && (lease.holds || lease.provenOther()),
          marks,
          own: trace,
          superseded,
          onCommit,
          passesOver: ({ status, lacksTask }) => {
            if (!lacksTask && !FAILOVER_STATUSES.has(status)) return false
            // The other may do better.
            if (!copy.isAlone()) return true
            const dropped: Outcome = { ...PASSED_OVER, status, lacksTask }
            this.#paid = wouldGoOn(dropped) && this.#mayRetry(forwarder, dropped, lease)
            return this.#paid
          },
        },
      )
    let done: AttemptRecord | undefined
    try {
      const outcome: Outcome = res.destroyed
        ? { kind: 'client-left', reachedBackend: false, reachedClient: false }
        : await (trace === undefined ? send() : trace.run(send))
      done = recorder.record(outcome)
      this.#attempts.push(done)
      return outcome
    } finally {
      trace?.end(done)
    }
  }

  #next(lease: Lease, copies: number): Step {
    return nextStep(this.#attempts, lease, this.body.retained, copies)
  }

  /** Whether the retry budget lets it try again. */
  #mayRetry(forwarder: Forwarder, outcome: Outcome, lease: Lease): boolean {
    if (isFree(outcome, lease)) return true
    this.#outOfBudget = !forwarder.retryBudget.take()
    return !this.#outOfBudget
  }

  async #answerFailure(): Promise<void> {
    const failure = failureOf(this.#attempts, this.#outOfBudget)
    if (failure === undefined) return
    this.#heartbeat?.cut()
    this.#fail(failure)
    await answerError(this.res, failure)
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error))
    this.#teller?.tell(error)
  }

  #endTrace(): void {
    const trace = this.#trace
    if (trace === undefined) return
    this.#trace = undefined
    trace.end(endOf(this, this.#begun, this.#failure))
  }

  #startHeartbeat(select: Select): void {
    const times = this.#heartbeat === undefined ? select.heartbeats(this.classification) : undefined
    if (times !== undefined && takesHeartbeats(this.req))
      this.#heartbeat = new Heartbeat(this.res, select.clock, times, () => this.body.starving)
  }

  #dispose(): void {
    this.#heartbeat?.stop()
    this.#wait?.leave(new ClientLeftError())
    if (this.#forwarding) return
    // One that waits ends when it has left.
    if (this.#wait === undefined) this.#endTrace()
    this.#lease?.release()
    this.body.destroy()
    discardUpload(this.req)
  }
}

/** What there is to say of an attempt that has no rivals. */
const ALONE: Omit<Copy, 'lease'> = {
  hedge: false,
  superseded: undefined,
  onCommit: () => {},
  isAlone: () => true,
}

const GONE: Outcome = {
  kind: 'failed',
  cause: 'gone',
  error: new Error('gone'),
  reachedBackend: true,
  reachedClient: false,
}
const PASSED_OVER = { kind: 'passed-over', status: 500, reachedBackend: true, reachedClient: false } as const
