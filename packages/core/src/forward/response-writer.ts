import { type ServerResponse, STATUS_CODES } from 'node:http'
import { endResponse, type OnSent } from './ending.ts'
import { responseHeaders } from './headers.ts'

/** What Node writes into a status line. */
const PHRASE = /^[\t\x20-\x7e\x80-\xff]+$/

type RawHeaders = readonly (Buffer | string)[]

/** The head of a backend's answer. */
export interface AnswerHead {
  readonly status: number
  readonly statusText: string | undefined
  /** In Node's raw form: name, value, name, value. */
  readonly rawHeaders: RawHeaders
}

/** A header that the router sets itself. */
export type OwnHeader = readonly [name: string, value: string]

/** The source of an answer's bytes. */
interface Pausable {
  pause(): void
  resume(): void
}

/** Writes a backend's response to the client; a slow client slows the backend down. */
export class ResponseWriter {
  readonly #res: ServerResponse
  #started = false
  #sized = false
  #onDrain: (() => void) | undefined

  constructor(res: ServerResponse) {
    this.#res = res
  }

  /** Whether any byte was given to the client's connection. */
  get started(): boolean {
    return this.#started
  }

  /**
   * @param added Headers that the router sets, in place of the backend's of the same name.
   * @throws what Node throws for a header that it does not accept; then nothing has been written.
   */
  start({ status, statusText, rawHeaders }: AnswerHead, added: readonly OwnHeader[]): void {
    // After a heartbeat the head is already sent, without a length.
    if (this.#res.headersSent) {
      this.#started = true
      return
    }
    const dropped = added.map(([name]) => name.toLowerCase())
    // Node refuses to announce trailers to a client that gets none.
    if (this.#res.req.httpVersion === '1.0') dropped.push('trailer')
    const headers = responseHeaders(rawHeaders, dropped)
    for (const header of added) headers.push(...header)
    // A reason phrase that cannot be written is replaced; RFC 9112 section 4 lets clients ignore all of them.
    const phrase = statusText !== undefined && PHRASE.test(statusText) ? statusText : STATUS_CODES[status]
    try {
      // What an earlier middleware set stays, unless the backend sets it too.
      this.#res.writeHead(status, phrase ?? '', headers)
    } catch (error) {
      for (let i = 0; i < headers.length; i += 2) this.#res.removeHeader(headers[i] ?? '')
      throw error
    }
    for (let i = 0; i < headers.length; i += 2)
      if (headers[i]?.length === 14 && headers[i]?.toLowerCase() === 'content-length') this.#sized = true
    this.#started = true
  }

  /** @param source Paused while the client does not read. */
  write(chunk: Buffer, source: Pausable): void {
    if (this.#res.write(chunk)) return
    source.pause()
    if (this.#onDrain !== undefined) return
    this.#onDrain = () => source.resume()
    this.#res.on('drain', this.#onDrain)
  }

  /**
   * Ends the response.
   *
   * @param last What is left to write.
   * @param done Called when the last byte is handed to the operating system, or cannot be.
   */
  end(last: Buffer | undefined, rawTrailers: RawHeaders | undefined, done: OnSent): void {
    if (this.#onDrain !== undefined) this.#res.off('drain', this.#onDrain)
    if (last !== undefined && last.length > 0) this.#res.write(last)
    if (rawTrailers !== undefined && rawTrailers.length > 0 && !this.#sized)
      this.#res.addTrailers(pairs(responseHeaders(rawTrailers)))
    endResponse(this.#res, this.#sized, done)
  }

  /** Closes the connection, so that the client sees a failed request and not a short answer. */
  cut(): void {
    if (this.#onDrain !== undefined) this.#res.off('drain', this.#onDrain)
    this.#res.destroy()
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, i) =>
    i % 2 === 0 ? [[name, flat[i + 1] ?? ''] satisfies [string, string]] : [],
  )
}
