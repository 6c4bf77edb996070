import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { constants } from '../config/constants.ts'
import { ClientLeftError } from '../errors.ts'
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

/** Called when the end of a response was handed to the operating system, or with the error: the client has left. */
export type OnSent = (error?: Error | null) => void

/** Writes a backend's response to the client; a slow client slows the backend down. */
export class ResponseWriter {
  readonly #res: ServerResponse
  #sized = false
  #onDrain: (() => void) | undefined

  /**
   * Writes the head.
   *
   * @param added Headers that the router sets, in place of the backend's of the same name.
   * @throws what Node throws for a header that it does not accept; then nothing has been written.
   */
  constructor(
    res: ServerResponse,
    { status, statusText, rawHeaders }: AnswerHead,
    added: readonly OwnHeader[],
  ) {
    this.#res = res
    // After a heartbeat the head is already sent, without a length.
    if (res.headersSent) return
    const dropped = added.map(([name]) => name.toLowerCase())
    // Node refuses to announce trailers to a client that gets none.
    if (res.req.httpVersion === '1.0') dropped.push('trailer')
    const headers = responseHeaders(rawHeaders, dropped)
    for (const header of added) headers.push(...header)
    // A reason phrase that cannot be written is replaced; RFC 9112 section 4 lets clients ignore all of them.
    const phrase = statusText !== undefined && PHRASE.test(statusText) ? statusText : STATUS_CODES[status]
    try {
      // What an earlier middleware set stays, unless the backend sets it too.
      res.writeHead(status, phrase ?? '', headers)
    } catch (error) {
      for (let i = 0; i < headers.length; i += 2) res.removeHeader(headers[i] ?? '')
      throw error
    }
    for (let i = 0; i < headers.length; i += 2)
      if (headers[i]?.length === 14 && headers[i]?.toLowerCase() === 'content-length') this.#sized = true
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

/**
 * Ends a response whose bytes are all written, and drops the rest of the upload.
 *
 * If the connection will be closed, the end waits for the upload: closing a socket with unread bytes resets it, and a client
 * that is still sending would lose the answer. (nginx calls it a lingering close.)
 *
 * @param sized Whether the response has a content length. (Headers that were given to `writeHead` are not in `hasHeader`.)
 */
export function endResponse(res: ServerResponse, sized: boolean, done: OnSent): void {
  const { req } = res
  const lingers = sized && !req.complete && !res.shouldKeepAlive
  if (lingers) {
    discardUpload(req, () => endResponse(res, false, done))
    return
  }
  if (!req.readableEnded) discardUpload(req)
  // Node 22 takes a response for finished when its connection has failed.
  res.end((error?: Error | null) =>
    done(error ?? (req.socket?.destroyed ? new ClientLeftError() : undefined)),
  )
}

/**
 * Reads and drops the rest of an upload, so that its connection can be used again; one that takes too long is cut off. The
 * request must have no other reader.
 *
 * @param done Called when nothing more will arrive.
 */
export function discardUpload(req: IncomingMessage, done: () => void = () => {}): void {
  if (req.readableEnded || req.destroyed) {
    done()
    return
  }
  if (req.complete) {
    // All of it has arrived.
    req.resume()
    done()
    return
  }
  const timer = setTimeout(() => req.destroy(), constants.lingerTimeout)
  timer.unref()
  const finish = () => {
    clearTimeout(timer)
    req.off('end', finish).off('close', finish)
    done()
  }
  req.on('end', finish).on('close', finish).resume()
}
