import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** Bytes to read from a socket before a reader waits for them: the size of Node's own buffer. */
const AHEAD = 64 * 1024

/** Starts and stops the source of a body. */
export interface SourceFlow {
  /** A reader waits for bytes. */
  start(): void
  /** There is no room for more. */
  stop(): void
  /** Bytes arrived that no reader waits for. */
  unwanted(bytes: number): void
  /** Restores the state that Node expects: the body does not read any more. */
  detach(): void
}

export function flowOf(source: Readable): SourceFlow {
  if (source instanceof IncomingMessage && source.socket instanceof Socket)
    return new RequestFlow(source, source.socket)
  return {
    start: () => source.resume(),
    stop: () => source.pause(),
    unwanted: () => source.pause(),
    detach: () => {},
  }
}

/**
 * A paused request buffers up to 64 KiB of its connection in the original chunks: with chunks of one byte, that takes 30 MB. So
 * the socket is paused first, and the request only after the body has taken the rest of the last read.
 */
class RequestFlow implements SourceFlow {
  readonly #request: IncomingMessage
  readonly #socket: Socket
  #state: 'flowing' | 'stopping' | 'stopped' = 'flowing'
  #ahead = 0
  #pausing = false

  constructor(request: IncomingMessage, socket: Socket) {
    this.#request = request
    this.#socket = socket
  }

  start(): void {
    this.#ahead = 0
    this.#request.resume()
    this.#resumeSocket()
  }

  stop(): void {
    if (this.#state === 'flowing') {
      this.#state = 'stopping'
      setImmediate(() => {
        if (this.#state !== 'stopping') return
        this.#state = 'stopped'
        this.#request.pause()
      })
    }
    this.#pauseSocket()
  }

  unwanted(bytes: number): void {
    this.#ahead += bytes
    if (this.#ahead >= AHEAD) this.stop()
  }

  detach(): void {
    this.#resumeSocket()
  }

  /** Node resumes the socket itself only if the request's buffer was full. */
  #resumeSocket(): void {
    if (this.#state === 'flowing') return
    this.#state = 'flowing'
    this.#socket.resume()
  }

  /** Pauses after the `nextTick` queue, in which each chunk makes the request resume its socket. */
  #pauseSocket(): void {
    if (this.#pausing) return
    this.#pausing = true
    queueMicrotask(() => {
      this.#pausing = false
      if (this.#state !== 'flowing') this.#socket.pause()
    })
  }
}
