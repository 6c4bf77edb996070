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

/** What the bytes of an answer come from: it is paused while the client does not read. */
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
   * @param added Headers that the router sets itself, instead of any of these names from the backend.
   * @throws what Node throws for a header that it does not accept; then nothing has been written.
   */
  start(head: AnswerHead, added: readonly OwnHeader[]): void {
    // After a heartbeat the head is already sent, and what follows has no length.
    if (!this.#res.headersSent) this.#writeHead(head, added)
    this.#started = true
  }

  #writeHead({ status, statusText, rawHeaders }: AnswerHead, added: readonly OwnHeader[]): void {
    const headers = responseHeaders(
      rawHeaders,
      added.map(([name]) => name.toLowerCase()),
    )
    for (const header of added) headers.push(...header)
    // Node refuses to announce trailers to a client that gets none.
    if (this.#res.req.httpVersion === '1.0') dropHeader(headers, 'trailer')
    // A reason phrase that cannot be written is of no use, as RFC 9112 section 4 says of all of them.
    const phrase = statusText !== undefined && PHRASE.test(statusText) ? statusText : STATUS_CODES[status]
    try {
      // What an earlier middleware set stays, unless the backend sets it too.
      this.#res.writeHead(status, phrase ?? '', headers)
    } catch (error) {
      for (let i = 0; i < headers.length; i += 2) this.#res.removeHeader(headers[i] ?? '')
      throw error
    }
    this.#sized = headers.some((name, i) => i % 2 === 0 && isContentLength(name))
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
  end(last: Buffer | undefined, rawTrailers: RawHeaders, done: OnSent): void {
    this.#stopDraining()
    if (last !== undefined && last.length > 0) this.#res.write(last)
    const trailers = responseHeaders(rawTrailers)
    if (trailers.length > 0 && !this.#sized) this.#res.addTrailers(pairs(trailers))
    endResponse(this.#res, this.#sized, done)
  }

  /** Cuts the client off, so that it sees a failed request and never a short answer as a whole one. */
  cut(): void {
    this.#stopDraining()
    this.#res.destroy()
  }

  #stopDraining(): void {
    if (this.#onDrain !== undefined) this.#res.off('drain', this.#onDrain)
    this.#onDrain = undefined
  }
}

function dropHeader(headers: string[], dropped: string): void {
  for (let i = headers.length - 2; i >= 0; i -= 2)
    if (headers[i]?.toLowerCase() === dropped) headers.splice(i, 2)
}

function isContentLength(name: string): boolean {
  return name.length === 14 && name.toLowerCase() === 'content-length'
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, i) =>
    i % 2 === 0 ? [[name, flat[i + 1] ?? ''] satisfies [string, string]] : [],
  )
}
