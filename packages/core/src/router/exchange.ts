import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BackendInfo } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { Classification } from '../classify/classification.ts'
import { classifyPredictRequest } from '../classify/classify-predict-request.ts'
import { RouterError } from '../errors.ts'
import { discardUpload } from '../forward/ending.ts'
import type { Forwarder } from '../forward/forwarder.ts'
import type { Lease, Select } from '../policy/select-backend.ts'
import { answerError } from './answers.ts'
import type { ResolvedExchangeOptions } from './exchange-options.ts'
import { keptBody, refuseConsumedBody } from './kept-body.ts'

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
  #lease: Lease | undefined
  #named: string | undefined
  #outcome: Outcome | undefined
  #forwarding = false

  private constructor(
    req: IncomingMessage,
    res: ServerResponse,
    classified: { readonly classification: Classification; readonly body: ReplayBody },
    keptLength: number | undefined,
  ) {
    this.req = req
    this.res = res
    this.body = classified.body
    this.classification = classified.classification
    this.#keptLength = keptLength
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
    { maxBodySize, onUnclassified }: ResolvedExchangeOptions,
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
    return new Exchange(req, res, classified, kept?.length)
  }

  /** The lease on the chosen backend, once one is chosen. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  /** What became of the request, once it is forwarded. */
  get outcome(): Outcome | undefined {
    return this.#outcome
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
    const lease = this.#named === undefined ? await select(this.classification) : select.lease(this.#named)
    this.#lease?.release()
    this.#lease = lease
    if (this.res.destroyed) this.#dispose()
    return lease
  }

  /**
   * Forwards the request to the chosen backend, and answers with what it answers, or with an error.
   *
   * @returns when the response is done.
   */
  async forward(forwarder: Forwarder): Promise<Outcome> {
    const lease = this.#lease
    if (lease === undefined)
      throw new RouterError('not-classified', 'No backend is chosen: put selectBackend() before forward().')
    this.#forwarding = true
    const { req, res, body } = this
    const outcome = await forwarder.attempt({ req, res, body, keptLength: this.#keptLength }, lease.backend)
    this.#outcome = outcome
    lease.release(outcome)
    body.destroy()
    const failure = outcome.reachedClient ? undefined : failureOf(outcome, lease.backend)
    if (failure !== undefined) await answerError(res, failure)
    return outcome
  }

  #dispose(): void {
    if (this.#forwarding) return
    this.#lease?.release()
    this.body.destroy()
    discardUpload(this.req)
  }
}

/** What a client is to be told of an outcome that did not reach it; nothing, when it is gone. */
export function failureOf(outcome: Outcome, { name }: BackendInfo): Error | undefined {
  if (outcome.kind === 'body-failed') return outcome.error
  if (outcome.kind !== 'failed') return undefined
  const { cause, error } = outcome
  return cause.endsWith('timeout')
    ? new RouterError('backend-timeout', `Backend "${name}" did not answer in time (${cause}).`, {
        cause: error,
      })
    : new RouterError('backend-failed', `Backend "${name}" could not answer (${cause}).`, { cause: error })
}
