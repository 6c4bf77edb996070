import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** Bytes to read from a socket before a reader waits for them: the size of Node's own buffer. */
const AHEAD = 64 * 1024
/**
 * Approximate number of small chunks of one body per turn of the event loop. Node reads a socket up to 32 times per turn, 64 KiB
 * each: 350,000 chunks of one byte would block the event loop for a third of a second.
 */
const CHUNKS_PER_TURN = 2_000

/** Starts and stops the source of a body. */
export interface SourceFlow {
  /** A reader waits for bytes. */
  start(): void
  /** There is no room for more. */
  stop(): void
  /** Bytes arrived that no reader waits for. */
  unwanted(bytes: number): void
  /** A small chunk arrived. */
  tookSmall(): void
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
    tookSmall: () => {},
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

  /** After {@link CHUNKS_PER_TURN} chunks, pauses the socket until the next turn. */
  tookSmall(): void {
    this.#inTurn++
    if (this.#inTurn === 1) setImmediate(() => this.#nextTurn())
    if (this.#inTurn >= CHUNKS_PER_TURN) this.#pauseSocket()
  }

  detach(): void {
    this.#resumeSocket()
  }

  #nextTurn(): void {
    const wasPaused = this.#inTurn >= CHUNKS_PER_TURN
    this.#inTurn = 0
    if (wasPaused && this.#state === 'flowing') this.#socket.resume()
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
      if (this.#state !== 'flowing' || this.#inTurn >= CHUNKS_PER_TURN) this.#socket.pause()
    })
  }
}
