import { Readable } from 'node:stream'
import { BodyFailedError, BodyReleasedError, BodyTooLargeError } from '../errors.ts'
import type { RetainedMemory } from './retained-memory.ts'

/** A chunk and, once it has arrived, the next: whoever holds a link keeps what follows it, and nothing before it. */
interface Link {
  readonly chunk: Buffer
  next: Link | undefined
}

/** What a cursor finds at its place. */
export type Taken = Buffer | 'wait' | 'end'

export interface ReplayBodyOptions {
  /** Bytes above which the body fails with {@link BodyTooLargeError}. `Infinity` turns the limit off. */
  readonly maxSize: number
  /** The size that the source is bound to have: with its last byte, the body is complete at once. */
  readonly exactSize?: number | undefined
}

/**
 * A request body that can be read again from its start while it is retained.
 *
 * Nothing is read from the source unless somebody waits for it, so a slow reader slows the sender down. With more
 * than one reader, the fastest sets the pace and the others find the chunks retained for them.
 */
export class ReplayBody {
  readonly #maxSize: number
  readonly #exactSize: number | undefined
  readonly #source: Readable
  readonly #ownsSource: boolean
  #tail: Link = { chunk: Buffer.alloc(0), next: undefined }
  #head: Link | undefined = this.#tail
  #size = 0
  #retention: { readonly limit: number; readonly memory: RetainedMemory; taken: number } | undefined
  #ended = false
  #failure: Error | undefined
  #waiting = new Set<() => void>()
  readonly #detach: () => void

  /**
   * @param source Where the bytes come from. Nobody else may read from it.
   * @param ownsSource Whether {@link ReplayBody.destroy} destroys the source; an `http.IncomingMessage` is left to its
   *   server, since destroying it would cut off the response.
   */
  constructor(source: Readable, options: ReplayBodyOptions, ownsSource: boolean) {
    this.#source = source
    this.#maxSize = options.maxSize
    this.#exactSize = options.exactSize
    this.#ownsSource = ownsSource
    const onReadable = () => {
      if (this.#waiting.size > 0) this.#fill()
    }
    const onEnd = () => this.#finish(undefined)
    const onError = (error: Error) => this.#finish(new BodyFailedError(error))
    const onClose = () => this.#finish(new BodyFailedError(new Error('the sender closed the stream')))
    this.#detach = () => {
      source.off('readable', onReadable).off('end', onEnd).off('close', onClose)
      // The error listener stays: an error that comes late must not bring the process down.
    }
    source.on('error', onError).on('end', onEnd).on('close', onClose).on('readable', onReadable)
    if (source.readableEnded) this.#finish(undefined)
    else if (source.errored) this.#finish(new BodyFailedError(source.errored))
    else if (source.destroyed) onClose()
  }

  /** Bytes that have arrived so far. */
  get size(): number {
    return this.#size
  }

  /** Whether every byte has arrived. */
  get complete(): boolean {
    return this.#ended && this.#failure === undefined
  }

  /** Why the body will never be complete. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Whether {@link ReplayBody.stream} can still be called. */
  get retained(): boolean {
    return this.#head !== undefined
  }

  /**
   * A stream of the whole body from its first byte, those already here and those still to come.
   *
   * @throws {BodyReleasedError} after {@link ReplayBody.release}.
   */
  stream(): ReplayReader {
    const reader: ReplayReader = new ReplayReader(this.cursor(() => reader.wake()))
    return reader
  }

  /**
   * A place in the body, at its start.
   *
   * @param wake Called once after each `take()` that said `'wait'`.
   * @throws {BodyReleasedError} after {@link ReplayBody.release}.
   */
  cursor(wake: () => void): BodyCursor {
    if (this.#head === undefined) throw new BodyReleasedError()
    return new BodyCursor(this.#head, (link) => this.#take(link, wake))
  }

  /** The body as one buffer, if it is complete and in one piece, as most are that are small. */
  inOnePiece(): Buffer | undefined {
    const first = this.#head?.next
    return this.complete && first !== undefined && first.next === undefined ? first.chunk : undefined
  }

  /**
   * Retains the body only as long as it is no larger than this, and there is room.
   *
   * @param limit In bytes.
   */
  retainWithin(limit: number, memory: RetainedMemory): void {
    if (this.#head === undefined || this.#retention !== undefined) return
    this.#retention = { limit, memory, taken: 0 }
    this.#account(this.#size)
  }

  #account(bytes: number): void {
    const retention = this.#retention
    if (retention === undefined || this.#head === undefined) return
    if (this.#size > retention.limit || !retention.memory.take(bytes)) this.release()
    else retention.taken += bytes
  }

  /** Stops retaining: open streams go on to the end, new ones cannot be opened. */
  release(): void {
    this.#head = undefined
    if (this.#retention !== undefined) this.#retention.memory.give(this.#retention.taken)
    this.#retention = undefined
  }

  /** Releases, and reads no more: open streams fail. */
  destroy(): void {
    this.release()
    if (!this.#ended) this.#finish(new BodyFailedError(new Error('it is no longer needed')))
    if (this.#ownsSource) this.#source.destroy()
  }

  #take(link: Link, wake: () => void): Link | 'wait' | 'end' {
    // Whoever takes by itself must not be woken in the middle of it by the chunk that it takes.
    this.#waiting.delete(wake)
    if (link.next === undefined) this.#fill()
    if (link.next !== undefined) return link.next
    if (this.#failure !== undefined) throw this.#failure
    if (this.#ended) return 'end'
    this.#waiting.add(wake)
    return 'wait'
  }

  /** Takes from the source what it has. */
  #fill(): void {
    if (this.#ended) return
    const chunk: unknown = this.#source.read()
    if (chunk === null) return
    const bytes = toBuffer(chunk)
    if (bytes === undefined) this.#finish(new BodyFailedError(new TypeError('its stream gives no bytes')))
    else this.#append(bytes)
  }

  #append(chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#maxSize) {
      this.#finish(new BodyTooLargeError(this.#maxSize))
      return
    }
    this.#account(chunk.length)
    const link: Link = { chunk, next: undefined }
    this.#tail.next = link
    this.#tail = link
    if (this.#size === this.#exactSize) this.#finish(undefined)
    else this.#wakeAll()
  }

  #finish(failure: Error | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    this.#detach()
    this.#wakeAll()
  }

  #wakeAll(): void {
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const wake of waiting) wake()
  }
}

/** A place in a body. */
export class BodyCursor {
  #link: Link | undefined
  readonly #next: (link: Link) => Link | 'wait' | 'end'

  constructor(link: Link, next: (link: Link) => Link | 'wait' | 'end') {
    this.#link = link
    this.#next = next
  }

  /**
   * The next chunk, and moves on behind it.
   *
   * @throws the failure of the body, once every byte before it is taken.
   */
  take(): Taken {
    if (this.#link === undefined) return 'end'
    const next = this.#next(this.#link)
    if (typeof next === 'string') return next
    this.#link = next
    return next.chunk
  }

  /** Lets go of the chunks that were retained for this cursor. */
  close(): void {
    this.#link = undefined
  }
}

/** A stream of a replayable body. */
export class ReplayReader extends Readable {
  readonly #cursor: BodyCursor
  #wanted = false

  constructor(cursor: BodyCursor) {
    super()
    this.#cursor = cursor
  }

  override _read(): void {
    this.#wanted = true
    this.wake()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#cursor.close()
    callback(error)
  }

  /** Whether its reader wants more than has arrived: then it is the sender that is slow, and not the reader. */
  get starving(): boolean {
    return this.#wanted
  }

  /** Gives on what has arrived, as long as it is wanted. */
  wake(): void {
    while (this.#wanted && !this.destroyed) {
      try {
        const taken = this.#cursor.take()
        if (taken === 'wait') return
        this.#wanted = taken !== 'end' && this.push(taken)
        if (taken === 'end') this.push(null)
      } catch (error) {
        this.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    }
  }
}

function toBuffer(chunk: unknown): Buffer | undefined {
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return typeof chunk === 'string' ? Buffer.from(chunk) : undefined
}
