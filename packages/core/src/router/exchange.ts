import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Outcome } from '../backend/outcome.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { Classification } from '../classify/classification.ts'
import { classifyPredictRequest } from '../classify/classify-predict-request.ts'
import { defaults } from '../defaults.ts'
import { RouterError } from '../errors.ts'
import { discardUpload } from '../forward/ending.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import type { Lease, Select } from '../policy/select-backend.ts'
import { answerError } from './answers.ts'
import type { ResolvedExchangeOptions } from './exchange-options.ts'
import { type AttemptRecord, attemptsLeft, failureOf, isFree, mayTryAnother } from './failover.ts'
import { keptBody, refuseConsumedBody } from './kept-body.ts'

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
  #retained = false
  #outOfBudget = false
  #forwarding = false

  private constructor(
    req: IncomingMessage,
    res: ServerResponse,
    classified: { readonly classification: Classification; readonly body: ReplayBody },
    keptLength: number | undefined,
    store: BodyStore,
  ) {
    this.req = req
    this.res = res
    this.body = classified.body
    this.classification = classified.classification
    this.#keptLength = keptLength
    this.#store = store
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
    { maxBodySize, onUnclassified, store }: ResolvedExchangeOptions,
  ): Promise<Exchange> {
    const kept = keptBody(req)
    if (kept === undefined) refuseConsumedBody(req)
    const contentType = req.headers['content-type']
    const classified = await classifyPredictRequest(kept ?? req, {
      maxBodySize,
      ...(kept === undefined || contentType === undefined ? {} : { contentType }),
    })
    const { classification } = classified
    if (!classification.classified && onUnclassified === 'reject') {
      classified.body.destroy()
      throw new RouterError('unclassified', 'Invalid request format.', {
        details: { reason: classification.reason },
      })
    }
    return new Exchange(req, res, classified, kept?.length, store)
  }

  /** The lease on the chosen backend, once one is chosen. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  /** What became of the last attempt, once there was one. */
  get outcome(): Outcome | undefined {
    return this.#attempts.at(-1)?.outcome
  }

  /** Whether the body could be sent again when the first attempt was over. */
  get retained(): boolean {
    return this.#retained
  }

  /** Every attempt that is over, oldest first. */
  get attempts(): readonly AttemptRecord[] {
    return this.#attempts
  }

  /** Overrules the policy: the request goes to the backend of this name. Takes effect in `select`. */
  use(backend: string): void {
    this.#named = backend
  }

  /**
   * Chooses the backend; an earlier choice is given back.
   *
   * @throws {NoBackendError} when there is none.
   */
  async select(select: Select): Promise<Lease> {
    this.#select = select
    const lease = this.#named === undefined ? await select(this.classification) : select.lease(this.#named)
    this.#lease?.release()
    this.#lease = lease
    if (this.res.destroyed) this.#dispose()
    return lease
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
    forwarder.retryBudget.count()
    try {
      return await this.#forwardUntilAnswered(forwarder, this.#lease)
    } catch (error) {
      // Only a mistake in the code gets here, such as a body that was released too early.
      this.#lease.release()
      this.body.destroy()
      throw error
    }
  }

  async #forwardUntilAnswered(forwarder: Forwarder, first: Lease): Promise<Outcome> {
    const deadline = forwarder.clock.now() + first.timeouts.total
    let lease = first
    for (;;) {
      const outcome = await this.#attempt(forwarder, lease, deadline)
      const another = await this.#another(forwarder, lease, deadline)
      if (another === undefined) return this.#conclude(outcome)
      lease = another
      this.#lease = another
    }
  }

  async #attempt(forwarder: Forwarder, lease: Lease, deadline: number): Promise<Outcome> {
    const { req, res, body } = this
    const started = forwarder.clock.now()
    const another = attemptsLeft(this.#attempts.length + 1, lease)
    const outcome: Outcome = res.destroyed
      ? { kind: 'client-left', reachedBackend: false, reachedClient: false }
      : await forwarder.attempt(
          { req, res, body, store: this.#store, keptLength: this.#keptLength },
          {
            backend: lease.backend,
            timeouts: lease.timeouts,
            deadline,
            retain: another,
            passesOver: (status) =>
              another &&
              FAILOVER_STATUSES.has(status) &&
              body.retained &&
              (lease.trial || forwarder.retryBudget.take()),
          },
        )
    lease.release(outcome)
    if (this.#attempts.length === 0) this.#retained = body.retained
    this.#attempts.push({ backend: lease.backend.name, outcome, time: forwarder.clock.now() - started })
    return outcome
  }

  /** The lease for another attempt, if there is to be one. */
  async #another(forwarder: Forwarder, lease: Lease, deadline: number): Promise<Lease | undefined> {
    const attempts = this.#attempts
    const may = mayTryAnother(attempts, lease, this.body.retained)
    if (this.#select === undefined || !may || forwarder.clock.now() >= deadline) return undefined
    if (!isFree(attempts.at(-1)?.outcome, lease.trial) && !forwarder.retryBudget.take()) {
      this.#outOfBudget = true
      return undefined
    }
    return this.#select(this.classification, { exclude: attempts.map(({ backend }) => backend) })
  }

  async #conclude(outcome: Outcome): Promise<Outcome> {
    this.body.destroy()
    const failure = outcome.reachedClient ? undefined : failureOf(this.#attempts, this.#outOfBudget)
    if (failure !== undefined) await answerError(this.res, failure)
    return outcome
  }

  #dispose(): void {
    if (this.#forwarding) return
    this.#lease?.release()
    this.body.destroy()
    discardUpload(this.req)
  }
}
