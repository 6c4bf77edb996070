import type { Readable } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { BodyFailedError, BodyReleasedError, BodyTooLargeError, SpoolError } from '../errors.ts'
import { removeItem } from '../remove-item.ts'
import { BodyCursor, ReplayReader } from './body-reader.ts'
import type { BodyStore } from './body-store.ts'
import { free, WORTH_FREEING } from './free.ts'
import { Link, Retention, type Terms } from './retention.ts'

export interface ReplayBodyOptions {
  /** Bytes above which the body fails with {@link BodyTooLargeError}. `Infinity` turns the limit off. */
  readonly maxSize: number
  /** The size that the source is bound to have: with its last byte, the body is complete at once. */
  readonly exactSize?: number | undefined
  /** The bytes are in somebody else's memory, so that retaining them costs nothing. */
  readonly borrowed?: boolean | undefined
  /** Nobody else has the chunks of the source: their memory may be freed as soon as they are no longer needed. */
  readonly owned?: boolean | undefined
}

/** A waiting body that is no larger stays in memory: a file would cost more. */
const SMALL = 16 * 1024
/** As much as there is room for. */
const ANY = Number.POSITIVE_INFINITY

/**
 * A request body that can be read again from its start while it is retained.
 *
 * Nothing is read from the source unless somebody waits for it, so a slow reader slows the sender down. With more
 * than one reader, the fastest sets the pace and the others find the chunks retained for them, in memory or on disk.
 */
export class ReplayBody {
  readonly #maxSize: number
  readonly #exactSize: number | undefined
  readonly #source: Readable
  readonly #ownsSource: boolean
  readonly #borrowed: boolean
  readonly #owned: boolean
  #tail = new Link(undefined, 0)
  #head: Link | undefined = this.#tail
  #size = 0
  #retention: Retention | undefined
  #givenUp = false
  #onReady: (() => void) | undefined
  #readers = 0
  /** Up to here, every reader that there is has given back what it took. */
  #passed: Link | undefined
  #ended = false
  #failure: Error | undefined
  #waiting: (() => void)[] = []
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
    this.#borrowed = options.borrowed ?? false
    this.#owned = options.owned ?? false
    const onData = (chunk: unknown) => this.#take(chunk)
    const onEnd = () => this.#finish(undefined)
    const onError = (error: Error) => this.#finish(new BodyFailedError(error))
    const onClose = () => this.#finish(new BodyFailedError(new Error('the sender closed the stream')))
    this.#detach = () => {
      source.off('data', onData).off('end', onEnd).off('close', onClose)
      // An error that comes late must not bring the process down. Who hears it then must not hold on to the body.
      source.off('error', onError).on('error', ignore)
    }
    source.pause().on('data', onData).on('error', onError).on('end', onEnd).on('close', onClose)
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

  /** Whether all of it is here, or as much as there is room for as long as nobody reads it. */
  get ready(): boolean {
    return this.#ended || this.#borrowed || this.#retention?.isFull === true
  }

  /** Whether retaining had to end, since there was no room for it. */
  get givenUp(): boolean {
    return this.#givenUp
  }

  /** Whether a part of it is, or was, on disk. */
  get spooled(): boolean {
    return this.#retention?.spooled === true
  }

  /** Whether somebody waits for bytes that the sender has not sent yet. */
  get starving(): boolean {
    return !this.#ended && this.#waiting.length > 0 && this.#hasRoom
  }

  /**
   * A stream of the whole body from its first byte, those already here and those still to come.
   *
   * @param clock By which it is known how long it has waited for the sender.
   * @throws {BodyReleasedError} after {@link ReplayBody.release}.
   */
  stream(clock: Pick<Clock, 'now'> = systemClock): ReplayReader {
    const reader: ReplayReader = new ReplayReader(
      this.cursor(() => reader.wake()),
      clock,
    )
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
    this.#readers++
    this.#passed = undefined
    return new BodyCursor(this.#head, {
      next: (link) => this.#next(link, wake),
      load: (link) => this.#load(link),
      wake,
      takeBack: (link, chunk, isOpen) => this.#takeBack(link, chunk, isOpen ? 1 : 0),
      close: () => {
        removeItem(this.#waiting, wake)
        this.#readers--
        this.#closeUnusedFile()
      },
    })
  }

  /** The body as one buffer, if it is complete and in one piece, as most are that are small. */
  inOnePiece(): Buffer | undefined {
    const first = this.#head?.next
    if (!this.complete || first === undefined || first.next !== undefined) return undefined
    first.lent++
    return first.chunk
  }

  /** The first bytes, as far as they are in memory. @param most How many. */
  beginning(most: number): Buffer {
    const chunks: Buffer[] = []
    let size = 0
    for (let link = this.#head?.next; link?.chunk !== undefined && size < most; link = link.next) {
      chunks.push(link.chunk)
      size += link.size
    }
    return Buffer.concat(chunks, Math.min(size, most))
  }

  /**
   * Retains the body for another reader, in memory as far as there is room and beyond that on disk. Where it can be in
   * neither, the sender waits for room; a body that all of the memory cannot hold is not retained: it can be read once.
   */
  retain(store: BodyStore): void {
    this.#retainIn(store, { pinned: false, inMemory: ANY })
    // What could not be written while nobody read it was kept all the same; that ends here.
    if (this.#retention?.failed === true) this.#giveUp()
  }

  /**
   * Retains the body for its first reader, who may come in hours: on disk, and read to its end meanwhile so that the
   * sender need not wait. Where there is no disk, what fits into the memory of all bodies is read.
   *
   * @param onReady Called whenever it becomes {@link ReplayBody.ready}.
   * @param where `memory`, for a short wait: only what does not fit into memory goes to disk.
   */
  hold(store: BodyStore, where: 'disk' | 'memory', onReady: () => void = () => {}): void {
    const inMemory = where === 'memory' ? ANY : SMALL
    this.#retainIn(store, { pinned: true, inMemory })
    if (this.#size > inMemory) this.#retention?.moveToDisk()
    this.#onReady = this.#ended ? undefined : onReady
    if (!this.#borrowed) this.#readAhead()
  }

  /** Stops retaining: open streams go on to the end, new ones cannot be opened. */
  release(): void {
    this.#freePassed()
    this.#head = undefined
    this.#retention?.end()
    if (!this.spooled) this.#retention = undefined
    this.#closeUnusedFile()
    // Who waited for the disk need not any more.
    if (this.spooled) this.#wakeAll()
  }

  /** Releases, and reads no more: open streams fail. */
  destroy(): void {
    this.release()
    if (!this.#ended) this.#finish(new BodyFailedError(new Error('it is no longer needed')))
    if (this.#ownsSource) this.#source.destroy()
    this.#retention?.closeFile()
  }

  #retainIn(store: BodyStore, terms: Terms): void {
    if (this.#head === undefined || this.#borrowed) return
    if (this.#retention !== undefined) {
      this.#retention.terms = terms
      return
    }
    this.#retention = new Retention(store, this.#head, terms, {
      onRoom: () => this.#wakeAll(),
      onGivenUp: () => this.#giveUp(),
    })
    this.#retention.addAll()
  }

  /** @param own How many of the readers give it back: one, or none when that has closed. */
  #takeBack(link: Link, chunk: Buffer, own: number): void {
    link.lent--
    if (this.#readers === own) {
      if (this.#head !== undefined) this.#passed = link
      // Nobody comes to it any more, but for a write to disk that may be under way.
      else if (!this.spooled) link.chunk = undefined
    }
    if (link.chunk === undefined && link.lent === 0) free(chunk)
  }

  /** Frees what was kept for another reader alone. */
  #freePassed(): void {
    const last = this.#passed
    this.#passed = undefined
    if (last === undefined || this.spooled) return
    for (let link = this.#head?.next; link !== undefined; link = link === last ? undefined : link.next) {
      if (link.chunk !== undefined && link.lent === 0) free(link.chunk)
      link.chunk = undefined
    }
  }

  #giveUp(): void {
    this.#givenUp = true
    this.release()
  }

  get #hasRoom(): boolean {
    return this.#retention === undefined || this.#retention.hasRoom
  }

  #tellReady(): void {
    const onReady = this.#onReady
    if (onReady === undefined || !this.ready) return
    // One that is here as far as there was room goes on when there is more, and is ready once more then.
    if (this.#ended) this.#onReady = undefined
    onReady()
  }

  /** Reads from the source for nobody, as long as it is held and there is room. */
  #readAhead(): void {
    let place = this.#tail
    const ahead = () => {
      while (this.#retention?.isHeld === true) {
        const next = this.#ended ? 'end' : this.#next(place, ahead)
        if (typeof next === 'string') return
        place = next
      }
    }
    ahead()
  }

  /** The link behind this one; a failure of the body is thrown once there is none. */
  #next(link: Link, wake: () => void): Link | 'wait' | 'end' {
    if (link.next !== undefined) {
      // Whoever takes by itself must not be woken in the middle of it by the chunk that it takes.
      removeItem(this.#waiting, wake)
      return link.next
    }
    if (this.#failure !== undefined) throw this.#failure
    if (this.#ended) return 'end'
    if (!this.#waiting.includes(wake)) this.#waiting.push(wake)
    if (this.#hasRoom) this.#source.resume()
    else this.#tellReady()
    return 'wait'
  }

  /** What was in a link before it went to disk. */
  async #load(link: Link): Promise<Buffer> {
    try {
      if (this.#retention === undefined) throw new Error('it was never retained')
      return await this.#retention.load(link)
    } catch (error) {
      throw new SpoolError(error)
    }
  }

  /** The source flows only as long as somebody waits for it. */
  #take(chunk: unknown): void {
    const bytes = toBuffer(chunk)
    if (bytes === undefined) this.#finish(new BodyFailedError(new TypeError('its stream gives no bytes')))
    else this.#append(bytes)
    if (!this.#ended && (this.#waiting.length === 0 || !this.#hasRoom)) this.#source.pause()
  }

  #append(chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#maxSize) {
      this.#finish(new BodyTooLargeError(this.#maxSize))
      return
    }
    const isOurs = this.#owned && chunk.length >= WORTH_FREEING && this.#source.listenerCount('data') === 1
    const link = new Link(chunk, isOurs ? 0 : 1)
    this.#tail.next = link
    this.#tail = link
    this.#retention?.add(link)
    if (this.#size === this.#exactSize) this.#finish(undefined)
    else this.#wakeAll()
  }

  #finish(failure: Error | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    this.#detach()
    // What is complete goes on to its end by itself.
    if (failure !== undefined) this.#source.pause()
    this.#wakeAll()
    this.#tellReady()
  }

  #wakeAll(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const wake of waiting) wake()
    waiting.length = 0
  }

  /** The file is there for those who read it, and for those who may. */
  #closeUnusedFile(): void {
    if (this.#head === undefined && this.#readers === 0) this.#retention?.closeFile()
  }
}

const ignore = () => {}

function toBuffer(chunk: unknown): Buffer | undefined {
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return typeof chunk === 'string' ? Buffer.from(chunk) : undefined
}
