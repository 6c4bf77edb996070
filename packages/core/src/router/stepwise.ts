import type { IncomingMessage, ServerResponse } from 'node:http'
import { toError } from '../call-safely.ts'
import { ClientLeftError } from '../errors.ts'
import type { ActiveRequest, ActiveRequests } from './active-requests.ts'
import type { Exchange } from './exchange.ts'

/** Where the steps of a request are reported. */
interface StepListener {
  /** A request arrived. */
  readonly onArrival: (active: ActiveRequest) => void
  /** Its response is done. Called at least once. */
  readonly onEnd: (active: ActiveRequest) => void
}

/** The requests whose steps are called one by one: middleware between the steps may answer by itself. */
export class Stepwise {
  readonly #active: ActiveRequests
  readonly #listener: StepListener
  readonly #byExchange = new WeakMap<Exchange, ActiveRequest>()

  constructor(active: ActiveRequests, listener: StepListener) {
    this.#active = active
    this.#listener = listener
  }

  /** The request of an exchange, if a step of it was called before. */
  get(exchange: Exchange): ActiveRequest | undefined {
    return this.#byExchange.get(exchange)
  }

  /** Runs the first step. */
  begin(
    req: IncomingMessage,
    res: ServerResponse,
    step: (active: ActiveRequest) => Promise<Exchange>,
  ): Promise<Exchange> {
    const active = this.#follow(req, res)
    return this.#run(active, async () => {
      const exchange = await step(active)
      this.#byExchange.set(exchange, active)
      return exchange
    })
  }

  /** Runs a later step. */
  async go<T>(exchange: Exchange, step: (active: ActiveRequest) => Promise<T>): Promise<T> {
    let active = this.get(exchange)
    if (active === undefined) {
      // Another classifier began it.
      active = this.#follow(exchange.req, exchange.res)
      Object.assign(active, { exchange, classified: active.start })
      this.#byExchange.set(exchange, active)
    }
    return this.#run(active, step)
  }

  /** Counts a request until its response is done. */
  #follow(req: IncomingMessage, res: ServerResponse): ActiveRequest {
    const active = this.#active.add(req, res)
    this.#listener.onArrival(active)
    res.once('close', () => {
      if (active.busy !== true) this.#end(active)
    })
    return active
  }

  async #run<T>(active: ActiveRequest, step: (active: ActiveRequest) => Promise<T>): Promise<T> {
    active.busy = true
    try {
      return await step(active)
    } catch (error) {
      active.failure = toError(error)
      throw error
    } finally {
      active.busy = false
      if (active.res.destroyed) this.#end(active)
    }
  }

  #end(active: ActiveRequest): void {
    const { res, exchange } = active
    if (!res.writableFinished && exchange?.outcome === undefined) active.failure ??= new ClientLeftError()
    this.#listener.onEnd(active)
  }
}
