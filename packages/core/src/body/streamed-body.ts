import type { Readable } from 'node:stream'
import { type Clock, systemClock } from '../clock.ts'
import { BodyFailedError, BodyReleasedError, BodyTooLargeError } from '../errors.ts'
import { removeItem } from '../remove-item.ts'
import { BodyCursor, ReplayReader } from './body-reader.ts'
import type { BodyStore } from './body-store.ts'
import { Chain } from './chain.ts'
import { mayFree } from './chunk-loans.ts'
import { WORTH_FREEING } from './free-memory.ts'
import type { Link } from './link.ts'
import type { ReplayBody } from './replay-body.ts'
import { type Purpose, Retention } from './retention.ts'
import { flowOf, type SourceFlow } from './source-flow.ts'
import { toBuffer } from './to-buffer.ts'
import { Waiters } from './waiters.ts'

export interface StreamedBodyOptions {
  /** Bytes above which the body fails with {@link BodyTooLargeError}. `Infinity` turns the limit off. */
  readonly maxSize: number
  /** The exact size of the source. The body is complete with its last byte. */
  readonly exactSize?: number | undefined
  /** Whether nothing else uses the chunks of the source, so their memory may be freed early. */
  readonly owned?: boolean | undefined
  /** Counts the body from its first byte, and moves a large body to disk. By default, counting starts with `retain()`. */
  readonly store?: BodyStore | undefined
  /** A chunk that was already read from the source. */
  readonly first?: unknown
}

/**
 * Approximate number of small chunks of one body per turn of the event loop. Node reads a socket up to 32 times per turn, 64 KiB
 * each: 350,000 chunks of one byte would block the event loop for a third of a second.
 */
const CHUNKS_PER_TURN = 2_000

/**
 * A body that is read from its source while it is sent.
 *
 * The source is read at the pace of the fastest reader; slower ones get retained chunks from memory or disk. Small chunks are joined.
 */
export class StreamedBody implements ReplayBody {
  readonly #maxSize: number
  readonly #exactSize: number | undefined
  readonly #source: Readable
  readonly #ownsSource: boolean
  readonly #owned: boolean
  readonly #flow: SourceFlow
  readonly #chain = new Chain()
  /** The position before the first byte while the body is retained, then that of the slowest reader. */
  #head: Link = this.#chain.tail
  #retained = true
  #size = 0
  #retention: Retention | undefined
  #givenUp = false
  #onReady: (() => void) | undefined
  readonly #readers: BodyCursor[] = []
  #ended = false
  #failure: Error | undefined
  readonly #waiters = new Waiters()
  /** Small chunks in this turn of the event loop. */
  #inTurn = 0
  readonly #detach: () => void

  /**
   * @param source Source of the bytes. Nothing else may read from it.
   * @param ownsSource Whether {@link StreamedBody.destroy} destroys the source. Destroying an `http.IncomingMessage` would break
   *   the response.
   */
  constructor(source: Readable, options: StreamedBodyOptions, ownsSource: boolean) {
    this.#source = source
    this.#flow = flowOf(source)
    this.#maxSize = options.maxSize
    this.#exactSize = options.exactSize
    this.#ownsSource = ownsSource
    this.#owned = options.owned ?? false
    const onData = (chunk: unknown) => this.#take(chunk)
    const onEnd = () => this.#finish(undefined)
    const onError = (error: Error) => this.#finish(new BodyFailedError(error))
    const onClose = () => this.#finish(new BodyFailedError(new Error('the sender closed the stream')))
    this.#detach = () => {
      source.off('data', onData).off('end', onEnd).off('close', onClose)
      this.#flow.detach()
      // A late error must not end the process, and its listener must not retain the body.
      source.off('error', onError).on('error', ignore)
    }
    if (options.store !== undefined) this.#retainIn(options.store, 'count')
    source.pause().on('data', onData).on('error', onError).on('end', onEnd).on('close', onClose)
    if (options.first !== undefined) this.#take(options.first)
    if (source.readableEnded) this.#finish(undefined)
    else if (source.errored) this.#finish(new BodyFailedError(source.errored))
    else if (source.destroyed) onClose()
  }

  get size(): number {
    return this.#size
  }

  get complete(): boolean {
    return this.#ended && this.#failure === undefined
  }

  get retained(): boolean {
    return this.#retained
  }

  get ready(): boolean {
    return this.#ended || this.#retention?.isFull === true
  }

  get givenUp(): boolean {
    return this.#givenUp
  }

  get starving(): boolean {
    return !this.#ended && this.#waiters.any && this.#retention?.hasRoom !== false
  }

  stream(clock: Pick<Clock, 'now'> = systemClock): ReplayReader {
    const reader: ReplayReader = new ReplayReader(
      this.cursor(() => reader.wake()),
      clock,
    )
    return reader
  }

  /**
   * Opens a cursor at the start of the body.
   *
   * @param wake Called once after each `take()` that returned `'wait'`.
   * @throws {BodyReleasedError} after {@link ReplayBody.release}.
   */
  cursor(wake: () => void): BodyCursor {
    if (!this.#retained) throw new BodyReleasedError()
    const cursor: BodyCursor = new BodyCursor(this.#head, {
      next: (link, taken) => this.#next(link, taken, wake),
      load: (link, from) => this.#load(link, from),
      wake,
      moved: () => this.#dropPassed(),
      close: () => {
        this.#waiters.remove(wake)
        removeItem(this.#readers, cursor)
        this.#dropPassed()
        this.#closeUnusedFile()
      },
    })
    this.#readers.push(cursor)
    return cursor
  }

  beginning(most: number): Buffer {
    const chunks: Buffer[] = []
    let size = 0
    for (let link = this.#head.next; this.#retained && link !== undefined && size < most; link = link.next) {
      const bytes = link.from(0)
      if (bytes === undefined) break
      chunks.push(bytes)
      size += bytes.length
    }
    return Buffer.concat(chunks, Math.min(size, most))
  }

  retain(store: BodyStore): void {
    this.#retainIn(store, 'retry')
    // A held body stays in memory after a failed write; a body with a reader does not.
    if (this.#retention?.file?.failure !== undefined) this.#giveUp()
  }

  hold(store: BodyStore, where: 'disk' | 'memory', onReady: () => void = () => {}): void {
    this.#retainIn(store, where === 'disk' ? 'hold' : 'queue')
    this.#onReady = this.#ended ? undefined : onReady
    this.#readAhead()
  }

  release(): void {
    this.#retained = false
    this.#retention?.end()
    this.#dropPassed()
    this.#closeUnusedFile()
    // Readers need not wait for the disk any more.
    if (this.#retention?.file !== undefined) this.#waiters.wakeAll()
  }

  destroy(): void {
    this.release()
    if (!this.#ended) this.#finish(new BodyFailedError(new Error('the request was cancelled')))
    if (this.#ownsSource) this.#source.destroy()
    this.#retention?.file?.close()
  }

  #retainIn(store: BodyStore, purpose: Purpose): void {
    if (!this.#retained) return
    if (this.#retention !== undefined) {
      this.#retention.purpose = purpose
      return
    }
    this.#retention = new Retention(store, this.#chain, this.#head, purpose, {
      onRoom: () => this.#waiters.wakeAll(),
      onGivenUp: () => this.#giveUp(),
    })
    this.#retention.update()
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
    // A body that stopped for lack of room can become ready again later.
    if (this.#ended) this.#onReady = undefined
    onReady()
  }

  /** Reads from the source without a reader, while the body is held and there is room. */
  #readAhead(): void {
    let place = this.#chain.tail
    const ahead = () => {
      while (this.#retention?.readsAhead === true) {
        const next = this.#ended ? 'end' : this.#next(place, place.size, ahead)
        if (typeof next === 'string') return
        place = next
      }
    }
    ahead()
  }

  /** The link with the next bytes. @throws the failure of the body, after its last byte. */
  #next(link: Link, taken: number, wake: () => void): Link | 'wait' | 'end' {
    const next = taken < link.size ? link : link.next
    if (next !== undefined) {
      // The reader takes the chunk now, so it must not be woken for it.
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

  /** Reads bytes of a link from disk. */
  async #load(link: Link, from: number): Promise<Buffer> {
    const file = this.#retention?.file
    if (file === undefined) throw new Error('the body has no temp file')
    return file.read(link, from)
  }

  /** Takes a chunk of the source, and stops the source if no reader waits for more. */
  #take(chunk: unknown): void {
    const bytes = toBuffer(chunk)
    if (bytes === undefined)
      this.#finish(new BodyFailedError(new TypeError('the stream has chunks that are not bytes')))
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
    this.#chain.append(chunk, mayFree(chunk, this.#owned, this.#source))
    this.#retention?.update()
    if (this.#size === this.#exactSize) this.#finish(undefined)
    else if (chunk.length >= WORTH_FREEING) this.#waiters.wakeAll()
    else this.#tookSmall()
  }

  /**
   * Wakes readers for a small chunk: at once for the first chunk in a turn of the event loop, and at the end of the turn for all
   * others. So a reader gets the small chunks of one socket read together; Node drains the `nextTick` queue after each chunk.
   */
  #tookSmall(): void {
    this.#inTurn++
    if (this.#inTurn >= CHUNKS_PER_TURN) this.#flow.stop()
    if (this.#inTurn > 1) return
    this.#waiters.wakeAll()
    setImmediate(() => {
      const hasMore = this.#inTurn > 1
      this.#inTurn = 0
      if (hasMore) this.#waiters.wakeAll()
    })
  }

  #finish(failure: Error | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    this.#chain.seal()
    this.#retention?.update()
    this.#detach()
    // A complete source ends by itself.
    if (failure !== undefined) this.#source.pause()
    this.#waiters.wakeAll()
    this.#tellReady()
  }

  /** Drops the links that every reader has passed, once no new reader can start. */
  #dropPassed(): void {
    if (this.#retained) return
    for (let link: Link | undefined = this.#head; link !== undefined; link = link.next) {
      this.#head = link
      const { open, size } = link
      const here = this.#readers.filter((reader) => reader.link === link)
      if (open || here.some(({ taken }) => taken < size)) return
      // A write to disk may still use the memory.
      if (this.#retention?.file === undefined) link.drop()
      if (here.length > 0) return
    }
  }

  /** Closes the file if there is no open reader and none can be opened. */
  #closeUnusedFile(): void {
    if (!this.#retained && this.#readers.length === 0) this.#retention?.file?.close()
  }
}

const ignore = () => {}
