import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import type { Heartbeats } from '../config/resolve.ts'

/**
 * Keeps a client from giving up while it waits for its first byte: sends the head of a JSON answer, then white space, which
 * may precede any JSON value. After the first heartbeat the status is sent, so a later failure closes the connection.
 */
export class Heartbeat {
  readonly #res: ServerResponse
  readonly #clock: Clock
  readonly #times: Heartbeats
  readonly #isClientSlow: () => boolean
  #count = 0
  #cancel: (() => void) | undefined

  /** @param isClientSlow Whether the router waits for the client: then it needs no heartbeat. */
  constructor(res: ServerResponse, clock: Clock, times: Heartbeats, isClientSlow: () => boolean) {
    this.#res = res
    this.#clock = clock
    this.#times = times
    this.#isClientSlow = isClientSlow
    this.#cancel = clock.after(times.after, () => this.#beat())
  }

  /** Whether the head is sent: the answer must be JSON with status 200. */
  get begun(): boolean {
    return this.#count > 0
  }

  /** Number of heartbeats. */
  get count(): number {
    return this.#count
  }

  /** Stops: the answer begins, or there will be none. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Stops where no answer follows; closes the connection if the head is already sent. */
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
    // A client that does not read needs none.
    if (this.begun && res.writableNeedDrain) return
    this.#count++
    res.write(' ')
  }
}

/** Only HTTP/1.1 allows an answer of unknown length, and only JSON may begin with white space. */
export function takesHeartbeats({ httpVersion, headers }: IncomingMessage): boolean {
  const { accept } = headers
  return httpVersion === '1.1' && (accept === undefined || /\*\/\*|application\/(?:\*|json)/i.test(accept))
}
