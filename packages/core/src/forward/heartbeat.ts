import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import type { Heartbeats } from '../config/patience.ts'

/**
 * Signs of life for a client that waits for its first byte: the head of a JSON answer, and then white space, which may
 * stand before any JSON value. From the first one on, a failure can only be told by cutting the connection.
 */
export class Heartbeat {
  readonly #res: ServerResponse
  readonly #clock: Clock
  readonly #times: Heartbeats
  readonly #isClientSlow: () => boolean
  #count = 0
  #cancel: (() => void) | undefined

  /** @param isClientSlow Whether it is the client that is waited for: then it needs no sign. */
  constructor(res: ServerResponse, clock: Clock, times: Heartbeats, isClientSlow: () => boolean) {
    this.#res = res
    this.#clock = clock
    this.#times = times
    this.#isClientSlow = isClientSlow
    this.#cancel = clock.after(times.after, () => this.#beat())
  }

  /** Whether the client has had a sign: its answer is bound to be JSON and a success. */
  get begun(): boolean {
    return this.#count > 0
  }

  /** Signs that were sent. */
  get count(): number {
    return this.#count
  }

  /** Sends nothing more: the answer begins, or there will be none. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Ends it where there will be no answer: a client that has had a sign sees that only when its connection is cut. */
  cut(): void {
    this.stop()
    if (this.begun) this.#res.destroy()
  }

  #beat(): void {
    const res = this.#res
    if (res.destroyed || (res.headersSent && !this.begun)) return
    this.#cancel = this.#clock.after(this.#times.every, () => this.#beat())
    if (!this.begun && this.#isClientSlow()) return
    if (!this.begun) res.writeHead(200, 'OK', { 'content-type': 'application/json' })
    // A client that does not read needs no more of them.
    if (this.begun && res.writableNeedDrain) return
    this.#count++
    res.write(' ')
  }
}

/** Only HTTP/1.1 has an answer of no known length, and only JSON may begin with white space. */
export function takesHeartbeats({ httpVersion, headers }: IncomingMessage): boolean {
  const { accept } = headers
  return httpVersion === '1.1' && (accept === undefined || /\*\/\*|application\/(?:\*|json)/i.test(accept))
}
