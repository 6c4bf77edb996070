import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** Bytes that are read from a socket before anything waits for them: as many as Node would keep in the request. */
const AHEAD = 64 * 1024
/**
 * Small chunks of one body that are taken in a turn of the event loop, about. Node reads a socket up to 32 times in a turn, 64 KiB
 * each: 350,000 chunks of one byte, which would keep every other client waiting for a third of a second.
 */
const MOST_IN_TURN = 2_000

/** Starts and stops the source of a body. */
export interface SourceFlow {
  /** Bytes are wanted. */
  start(): void
  /** There is no room for more. */
  stop(): void
  /** Bytes arrived that nothing waits for. */
  unwanted(bytes: number): void
  /** A small chunk arrived. */
  tookSmall(): void
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
    tookSmall: () => {},
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
  /** Small chunks in this turn of the event loop. */
  #inTurn = 0

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

  /** After {@link MOST_IN_TURN} of them, the socket is read again in the next turn. */
  tookSmall(): void {
    this.#inTurn++
    if (this.#inTurn === 1) setImmediate(() => this.#nextTurn())
    if (this.#inTurn >= MOST_IN_TURN) this.#pauseSocket()
  }

  detach(): void {
    this.#resumeSocket()
  }

  #nextTurn(): void {
    const rested = this.#inTurn >= MOST_IN_TURN
    this.#inTurn = 0
    if (rested && this.#state === 'flowing') this.#socket.resume()
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
      if (this.#state !== 'flowing' || this.#inTurn >= MOST_IN_TURN) this.#socket.pause()
    })
  }
}
