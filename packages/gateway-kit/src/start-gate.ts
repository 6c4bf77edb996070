import type { RequestListener } from 'node:http'

/**
 * Requests that arrive between the opening of the port and the end of the start wait here. Modules and the status page use
 * files that a gateway on the same port already uses, so they start only once the port is open.
 */
export class StartGate {
  readonly #opened = Promise.withResolvers<void>()
  #isOpen = false

  /** @returns The listener, which is called once the gate is open. */
  guard(listener: RequestListener): RequestListener {
    return (req, res) => {
      if (this.#isOpen) listener(req, res)
      else void this.#opened.promise.then(() => listener(req, res))
    }
  }

  /** Lets the requests through, in the order of their arrival. */
  open(): void {
    this.#isOpen = true
    this.#opened.resolve()
  }
}
