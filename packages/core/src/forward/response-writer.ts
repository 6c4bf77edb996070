import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Dispatcher } from 'undici'
import { endResponse } from './ending.ts'
import { responseHeaders } from './headers.ts'

/** What Node writes into a status line. */
const PHRASE = /^[\t\x20-\x7e\x80-\xff]+$/

/** Writes a backend's response to the client as it arrives; a slow client slows the backend down. */
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
  start(
    controller: Dispatcher.DispatchController,
    status: number,
    statusMessage: string | undefined,
    added: readonly (readonly [name: string, value: string])[],
  ): void {
    // Behind a heartbeat the head is gone already, and what follows has no length.
    if (!this.#res.headersSent) this.#writeHead(controller, status, statusMessage, added)
    this.#started = true
  }

  #writeHead(
    controller: Dispatcher.DispatchController,
    status: number,
    statusMessage: string | undefined,
    added: readonly (readonly [name: string, value: string])[],
  ): void {
    const headers = responseHeaders(
      rawList(controller.rawHeaders),
      added.map(([name]) => name.toLowerCase()),
    )
    for (const header of added) headers.push(...header)
    // A reason phrase that cannot be written is of no use to anybody, as RFC 9112 section 4 has it of all of them.
    const phrase =
      statusMessage !== undefined && PHRASE.test(statusMessage) ? statusMessage : STATUS_CODES[status]
    try {
      // What an earlier middleware set stays, unless the backend sets it too.
      this.#res.writeHead(status, phrase ?? '', headers)
    } catch (error) {
      for (let i = 0; i < headers.length; i += 2) this.#res.removeHeader(headers[i] ?? '')
      throw error
    }
    this.#sized = headers.some((name, i) => i % 2 === 0 && isContentLength(name))
  }

  write(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#res.write(chunk)) return
    controller.pause()
    if (this.#onDrain !== undefined) return
    this.#onDrain = () => controller.resume()
    this.#res.on('drain', this.#onDrain)
  }

  /** @param done Called when the last byte is handed to the operating system. */
  end(controller: Dispatcher.DispatchController | undefined, done: () => void): void {
    this.#stopDraining()
    const trailers = responseHeaders(rawList(controller?.rawTrailers))
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

function isContentLength(name: string): boolean {
  return name.length === 14 && name.toLowerCase() === 'content-length'
}

function rawList(raw: Dispatcher.DispatchController['rawHeaders']): readonly (Buffer | string)[] {
  return Array.isArray(raw) ? raw : []
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, i) =>
    i % 2 === 0 ? [[name, flat[i + 1] ?? ''] satisfies [string, string]] : [],
  )
}
