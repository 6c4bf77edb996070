import type { Dispatcher } from 'undici'
import { ReplayReader } from '../body/body-reader.ts'
import type { Answer } from './answer.ts'
import type { AttemptOptions } from './attempt-options.ts'
import type { OnSent } from './ending.ts'
import { ROUTE_HEADER } from './headers.ts'
import { type OwnHeader, ResponseWriter } from './response-writer.ts'

/** The part of a fetch response that http-proxy-3 looks at. The body is not in it: it went to the client directly. */
export interface ThinResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: { entries(): IterableIterator<[string, string | string[] | undefined]> }
  readonly body: null
}

/** Gives the answer of an attempt to the client: once it has begun, there will be no other attempt. */
export class Delivery {
  readonly #options: AttemptOptions
  readonly #writer: ResponseWriter
  #onBegin: ((response: ThinResponse) => void) | undefined

  constructor(options: AttemptOptions) {
    this.#options = options
    this.#writer = new ResponseWriter(options.request.res)
  }

  /** Whether any byte was given to the client's connection. */
  get started(): boolean {
    return this.#writer.started
  }

  /** @param onBegin Called when the head of the answer goes to the client. */
  listen(onBegin: (response: ThinResponse) => void): void {
    this.#onBegin = onBegin
  }

  /** @throws what Node throws for a header that it does not accept; then nothing has been written. */
  begin(answer: Answer): void {
    const { request, responseHeader, body, plan } = this.#options
    const added: OwnHeader[] = responseHeader === undefined ? [] : [responseHeader]
    if (request.routeHeader !== undefined) added.push([ROUTE_HEADER, request.routeHeader()])
    this.#writer.start(answer.head, added)
    answer.release()
    request.heartbeat?.stop()
    if (body instanceof ReplayReader) body.release()
    request.body.release()
    plan.onCommit?.()
    this.#onBegin?.({
      status: answer.status,
      statusText: answer.head.statusText ?? '',
      headers: { entries: () => Object.entries(answer.headers)[Symbol.iterator]() },
      body: null,
    })
  }

  /** Begins with what has come, for the rest to follow as it comes. @throws as {@link Delivery.begin} does. */
  beginStream(answer: Answer, controller: Dispatcher.DispatchController): void {
    const { body } = answer.keep()
    this.begin(answer)
    if (body.length > 0) this.write(body, controller)
  }

  write(chunk: Buffer, controller: Dispatcher.DispatchController): void {
    this.#writer.write(chunk, controller)
  }

  /**
   * Ends the response.
   *
   * @param last What is left of it.
   * @param done Called when the last byte is handed to the operating system, or cannot be.
   */
  end(last: Buffer | undefined, controller: Dispatcher.DispatchController, done: OnSent): void {
    this.#writer.end(last, rawList(controller.rawTrailers), done)
  }

  /** Cuts the client off. */
  cut(): void {
    this.#writer.cut()
  }
}

export function rawList(raw: Dispatcher.DispatchController['rawHeaders']): readonly (Buffer | string)[] {
  return Array.isArray(raw) ? raw : []
}
