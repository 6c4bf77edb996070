import type { Readable } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { BodyFailedError, BodyReleasedError, BodyTooLargeError, SpoolError } from '../errors.ts'
import { BodyCursor, ReplayReader } from './body-reader.ts'
import type { BodyStore } from './body-store.ts'
import { Chain } from './chain.ts'
import { BodyLoans, mayFree, WORTH_FREEING } from './chunk-loans.ts'
import type { Link } from './link.ts'
import { Retention, type Terms } from './retention.ts'
import { flowOf, type SourceFlow } from './source-flow.ts'
import { toBuffer } from './to-buffer.ts'
import { Waiters } from './waiters.ts'

export interface ReplayBodyOptions {
  /** Bytes above which the body fails with {@link BodyTooLargeError}. `Infinity` turns the limit off. */
  readonly maxSize: number
  /** The size that the source is bound to have: with its last byte, the body is complete at once. */
  readonly exactSize?: number | undefined
  /** The bytes are in the caller's memory, so retaining them costs nothing. */
  readonly borrowed?: boolean | undefined
  /** Nothing else has the chunks of the source: their memory may be freed as soon as they are no longer needed. */
  readonly owned?: boolean | undefined
  /** Counts the body from its first byte, and moves what is too large for memory to disk; by default, from `retain()` on. */
  readonly store?: BodyStore | undefined
}

/** A waiting body that is no larger stays in memory: a file would cost more. */
const SMALL = 16 * 1024
/** As much as there is room for. */
const ANY = Number.POSITIVE_INFINITY

/**
 * A request body that can be read again from its start while it is retained.
 *
 * Little is read from the source unless a reader waits for it, so a slow reader slows the sender down. With more than one
 * reader, the fastest sets the pace and the others find the chunks retained for them, in memory or on disk. Small chunks are
 * joined: what a body costs depends on its bytes, however they are cut.
 */
export class ReplayBody {
  readonly #maxSize: number
  readonly #exactSize: number | undefined
  readonly #source: Readable
  readonly #ownsSource: boolean
  readonly #borrowed: boolean
  readonly #owned: boolean
  readonly #flow: SourceFlow
  readonly #chain = new Chain()
  #head: Link | undefined = this.#chain.tail
  readonly #loans = new BodyLoans()
  #size = 0
  #retention: Retention | undefined
  #givenUp = false
  #onReady: (() => void) | undefined
  #readers = 0
  #ended = false
  #failure: Error | undefined
  readonly #waiters = new Waiters()
  readonly #detach: () => void

  /**
   * @param source Where the bytes come from. Nothing else may read from it.
   * @param ownsSource Whether {@link ReplayBody.destroy} destroys the source. Destroying an `http.IncomingMessage` would cut
   *   off the response.
   */
  constructor(source: Readable, options: ReplayBodyOptions, ownsSource: boolean) {
    this.#source = source
    this.#flow = flowOf(source)
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
      this.#flow.detach()
      // A late error must not bring the process down, and its listener must not keep the body.
      source.off('error', onError).on('error', ignore)
    }
    if (options.store !== undefined) this.#retainIn(options.store, { purpose: 'count', inMemory: ANY })
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

  /** Whether all of it is here, or as much as there is room for until it has a reader. */
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

  /** Whether a reader waits for bytes that the sender has not sent yet. */
  get starving(): boolean {
    return !this.#ended && this.#waiters.any && this.#retention?.hasRoom !== false
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
    this.#loans.restart()
    return new BodyCursor(this.#head, {
      next: (link, taken) => this.#next(link, taken, wake),
      load: (link, from) => this.#load(link, from),
      wake,
      takeBack: (link, memory, reader) =>
        this.#loans.takeBack(link, memory, {
          isLast: reader !== 'in' && this.#readers === (reader === 'closed' ? 0 : 1),
          isRetained: this.retained,
          isSpooled: this.spooled,
        }),
      close: () => {
        this.#waiters.remove(wake)
        this.#readers--
        this.#closeUnusedFile()
      },
    })
  }

  /** The body as one buffer, if it is complete and in one piece, as most are that are small. */
  inOnePiece(): Buffer | undefined {
    const first = this.#head?.next
    if (!this.complete || first === undefined || first.next !== undefined) return undefined
    const { bytes } = first
    if (bytes !== undefined) first.lent++
    return bytes
  }

  /** The first bytes, as far as they are in memory. @param most How many. */
  beginning(most: number): Buffer {
    const chunks: Buffer[] = []
    let size = 0
    for (let link = this.#head?.next; link !== undefined && size < most; link = link.next) {
      const { bytes } = link
      if (bytes === undefined) break
      chunks.push(bytes)
      size += bytes.length
    }
    return Buffer.concat(chunks, Math.min(size, most))
  }

  /**
   * Retains the body for another reader, in memory as far as there is room and beyond that on disk. Where it can be in
   * neither, the sender waits for room; a body that all of the memory cannot hold is not retained: it can be read once.
   */
  retain(store: BodyStore): void {
    this.#retainIn(store, { purpose: 'retry', inMemory: ANY })
    // What could not be written while it had no reader was kept all the same; that ends here.
    if (this.#retention?.failed === true) this.#giveUp()
  }

  /**
   * Retains the body for its first reader, which may come in hours: on disk, and read to its end so that the sender need not
   * wait. Where there is no disk, what fits into the memory of all bodies is read.
   *
   * @param onReady Called whenever it becomes {@link ReplayBody.ready}.
   * @param where `memory`, for a short wait: only what does not fit into memory goes to disk.
   */
  hold(store: BodyStore, where: 'disk' | 'memory', onReady: () => void = () => {}): void {
    const inMemory = where === 'memory' ? ANY : SMALL
    this.#retainIn(store, { purpose: 'hold', inMemory })
    if (this.#size > inMemory) this.#retention?.moveToDisk()
    this.#onReady = this.#ended ? undefined : onReady
    if (!this.#borrowed) this.#readAhead()
  }

  /** Stops retaining: open streams go on to the end, new ones cannot be opened. */
  release(): void {
    this.#loans.release(this.spooled ? undefined : this.#head?.next)
    this.#head = undefined
    this.#retention?.end()
    if (!this.spooled) this.#retention = undefined
    this.#closeUnusedFile()
    // Readers that waited for the disk need not any more.
    if (this.spooled) this.#waiters.wakeAll()
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
      onRoom: () => this.#waiters.wakeAll(),
      onGivenUp: () => this.#giveUp(),
    })
    this.#retention.addAll()
  }

  #giveUp(): void {
    this.#givenUp = true
    this.release()
  }

  #requestRoom(): boolean {
    return this.#retention === undefined || this.#retention.requestRoom()
  }

  #tellReady(): void {
    const onReady = this.#onReady
    if (onReady === undefined || !this.ready) return
    // A body that stopped for want of room goes on when there is more, and is ready once more then.
    if (this.#ended) this.#onReady = undefined
    onReady()
  }

  /** Reads from the source without a reader, as long as it is held and there is room. */
  #readAhead(): void {
    let place = this.#chain.tail
    const ahead = () => {
      while (this.#retention?.isHeld === true) {
        const next = this.#ended ? 'end' : this.#next(place, place.size, ahead)
        if (typeof next === 'string') return
        place = next
      }
    }
    ahead()
  }

  /** The link that has the bytes behind these; a failure of the body is thrown once there is none. */
  #next(link: Link, taken: number, wake: () => void): Link | 'wait' | 'end' {
    const next = taken < link.size ? link : link.next
    if (next !== undefined) {
      // A reader that takes by itself must not be woken in the middle of it by the chunk that it takes.
      this.#waiters.remove(wake)
      return next
    }
    if (this.#failure !== undefined) throw this.#failure
    if (this.#ended) return 'end'
    this.#waiters.add(wake)
    if (this.#requestRoom()) this.#flow.start()
    else this.#tellReady()
    return 'wait'
  }

  /** What was in a link before it went to disk. */
  async #load(link: Link, from: number): Promise<Buffer> {
    try {
      if (this.#retention === undefined) throw new Error('it was never retained')
      return await this.#retention.load(link, from)
    } catch (error) {
      throw new SpoolError(error)
    }
  }

  /** The source flows only as long as something waits for it. */
  #take(chunk: unknown): void {
    const bytes = toBuffer(chunk)
    if (bytes === undefined) this.#finish(new BodyFailedError(new TypeError('its stream gives no bytes')))
    else if (bytes.length > 0) this.#append(bytes)
    if (this.#ended) return
    if (!this.#requestRoom()) this.#flow.stop()
    else if (!this.#waiters.any) this.#flow.unwanted(bytes?.length ?? 0)
  }

  #append(chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#maxSize) {
      this.#finish(new BodyTooLargeError(this.#maxSize))
      return
    }
    this.#chain.append(chunk, mayFree(chunk, this.#owned, this.#source), this.#retention)
    if (this.#size === this.#exactSize) this.#finish(undefined)
    else if (chunk.length >= WORTH_FREEING) this.#waiters.wakeAll()
    else {
      this.#waiters.wakeForSmall()
      this.#flow.tookSmall()
    }
  }

  #finish(failure: Error | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    this.#chain.seal(this.#retention)
    this.#detach()
    // What is complete goes on to its end by itself.
    if (failure !== undefined) this.#source.pause()
    this.#waiters.wakeAll()
    this.#tellReady()
  }

  /** The file is there for open readers, and for those that may be opened. */
  #closeUnusedFile(): void {
    if (this.#head === undefined && this.#readers === 0) this.#retention?.closeFile()
  }
}

const ignore = () => {}
