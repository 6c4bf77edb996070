import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** Bytes that are read from a socket before anything waits for them: as many as Node would keep in the request. */
const AHEAD = 64 * 1024

/** Starts and stops the source of a body. */
export interface SourceFlow {
  /** Bytes are wanted. */
  start(): void
  /** There is no room for more. */
  stop(): void
  /** Bytes arrived that nothing waits for. */
  unwanted(bytes: number): void
  /** The body reads no more: leaves the source as Node would have it. */
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
 * A paused request keeps what its connection still delivers in the chunks in which it came: up to 64 KiB, which in chunks of one
 * byte take 30 MB. So it is paused only after the socket: the body takes the rest of what one read of the socket brought.
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

  /** Node does so by itself only where the request's own buffer was full. */
  #resumeSocket(): void {
    if (this.#state === 'flowing') return
    this.#state = 'flowing'
    this.#socket.resume()
  }

  /** Behind the queue of `nextTick`: in it, each chunk makes the request resume its socket. */
  #pauseSocket(): void {
    if (this.#pausing) return
    this.#pausing = true
    queueMicrotask(() => {
      this.#pausing = false
      if (this.#state !== 'flowing') this.#socket.pause()
    })
  }
}
