import { type BodyStore, CHUNK_ROOM } from './body-store.ts'
import type { ChainWatch } from './chain.ts'
import type { Link } from './link.ts'
import type { SpoolFile } from './spool.ts'

/** Why a body is retained, and how much of it in memory. */
export interface Terms {
  /**
   * `count`: the job is not known yet, so the body is not given up; without a disk it waits for room as with `retry`.
   * `retry`: the body is retained for another reader as long as there is room.
   * `hold`: the body waits for its first reader.
   */
  readonly purpose: 'count' | 'retry' | 'hold'
  /** Bytes above which the body goes to disk even with room in memory. */
  readonly inMemory: number
}

/** Callbacks of a retention. */
export interface RetentionWatch {
  /** There may be room again. */
  readonly onRoom: () => void
  /** The body can no longer be retained. */
  readonly onGivenUp: () => void
}

/** Bytes that may wait for the disk before the sender is paused. */
const SPOOL_AHEAD = 512 * 1024

/** Retains a body until it is answered: in memory as far as there is room, else on disk. */
export class Retention implements ChainWatch {
  #terms: Terms
  readonly #store: BodyStore
  readonly #watch: RetentionWatch
  /** Position before the first retained byte; `undefined` after the end. */
  #head: Link | undefined
  /** Bytes in memory, as counted in the store. */
  #taken = 0
  /** Overhead of the links, as counted in the store. */
  #overhead = 0
  #file: SpoolFile | undefined

  constructor(store: BodyStore, head: Link, terms: Terms, watch: RetentionWatch) {
    this.#store = store
    this.#head = head
    this.#terms = terms
    this.#watch = watch
  }

  /** Applies new terms. Only a body with a reader may take a turn without room. */
  set terms(terms: Terms) {
    const wasCounted = this.#terms.purpose === 'count'
    this.#terms = terms
    if (!this.#takesTurns) this.#store.leave(this.#watch.onRoom)
    else if (wasCounted && !this.spooled && this.#taken > this.#store.total) this.#watch.onGivenUp()
  }

  /** Whether it must be retained even without room: its first reader is still to come. */
  get #isPinned(): boolean {
    return this.#terms.purpose !== 'retry'
  }

  /** Whether it may go on without room when it is its turn. A held body waits for room instead. */
  get #takesTurns(): boolean {
    return this.#terms.purpose !== 'hold'
  }

  /** Whether a part of the body is, or was, on disk. */
  get spooled(): boolean {
    return this.#file !== undefined
  }

  /** Whether a write to disk failed. */
  get failed(): boolean {
    return this.#file?.failure !== undefined
  }

  /** Whether more may be read from the source. */
  get hasRoom(): boolean {
    return this.#knownRoom ?? (this.#takesTurns && this.#store.isNext(this.#watch.onRoom))
  }

  /** Like {@link hasRoom}, but waits for room if there is none: `onRoom` is called when there may be some. */
  requestRoom(): boolean {
    const known = this.#knownRoom
    if (known !== undefined) {
      if (this.#store.hasRoom(CHUNK_ROOM)) this.#store.forget(this.#watch.onRoom)
      return known
    }
    if (this.#takesTurns) return this.#store.awaitTurn(this.#watch.onRoom)
    this.#store.awaitRoom(this.#watch.onRoom)
    return false
  }

  /** Whether there is room; `undefined` if it depends on other bodies. */
  get #knownRoom(): boolean | undefined {
    if (this.#head === undefined) return true
    // The file calls `onRoom` after a write.
    if (this.#file !== undefined && !this.failed) return this.#file.pending < SPOOL_AHEAD
    if (this.#store.hasRoom(CHUNK_ROOM)) return true
    // Enough to find the job of most requests: a search must not wait for the uploads of others.
    if (this.#terms.purpose === 'count' && this.#taken < CHUNK_ROOM) return true
    return this.#takesTurns && this.#store.disk.available ? true : undefined
  }

  /** Whether the body is held: it is read before it has a reader. */
  get isHeld(): boolean {
    return this.#head !== undefined && this.#terms.purpose === 'hold'
  }

  /** Whether it is held and no more can be read until other bodies release memory. */
  get isFull(): boolean {
    return this.isHeld && (this.#file === undefined || this.failed) && !this.hasRoom
  }

  /** Retains the bytes that have arrived. */
  addAll(): void {
    // Once there is a file, all links are queued for it.
    for (let link = this.#head?.next; link !== undefined && this.#file === undefined; link = link.next)
      this.add(link)
  }

  add(link: Link): void {
    const wasSpooled = this.spooled
    this.#admit(link.size, link.overhead)
    // A file opened by #admit already has this link.
    if (wasSpooled && !link.open) this.seal(link)
  }

  grow(_link: Link, bytes: number): void {
    this.#admit(bytes, -bytes)
  }

  seal(link: Link): void {
    if (this.#head !== undefined) this.#file?.write(link)
  }

  /** Retains bytes that have arrived. */
  #admit(bytes: number, overhead: number): void {
    if (this.#head === undefined) return
    if (this.#file !== undefined) {
      this.#overdraw(bytes, overhead)
      return
    }
    const size = this.#taken + bytes
    const most = Math.min(this.#terms.inMemory, this.#store.share)
    if (size <= most && this.#store.take(bytes, overhead)) this.#count(bytes, overhead)
    else if (this.moveToDisk()) return
    // Without a disk, bytes that have arrived stay in memory, and the rest of the upload waits for room.
    else if (this.#isPinned || size <= this.#store.total) this.#overdraw(bytes, overhead)
    else this.#watch.onGivenUp()
  }

  /** Queues the links for a file; an open link follows once it is sealed. @returns Whether there is a file. */
  moveToDisk(): boolean {
    if (this.#file !== undefined) return true
    if (this.#head === undefined) return false
    const file = this.#store.disk.open()
    if (file === undefined) return false
    this.#file = file
    file.listen(
      (bytes, overhead) => {
        if (this.#head !== undefined) this.#release(bytes, overhead)
        this.#watch.onRoom()
      },
      () => {
        if (this.#head === undefined || this.#isPinned) this.#watch.onRoom()
        else this.#watch.onGivenUp()
      },
    )
    let [bytes, overhead] = [0, 0]
    for (let link = this.#head.next; link !== undefined; link = link.next) {
      if (!link.open) file.write(link)
      bytes += link.size
      overhead += link.overhead
    }
    this.#overdraw(bytes - this.#taken, overhead - this.#overhead)
    return true
  }

  /** Reads bytes of a link from disk. @param from Offset in the link. */
  async load(link: Link, from: number): Promise<Buffer> {
    if (this.#file === undefined) throw new Error('the body has no temp file')
    return this.#file.read(link, from)
  }

  /** Ends retention. Bytes on disk can be read until the file is closed. */
  end(): void {
    if (this.#head === undefined) return
    this.#head = undefined
    this.#store.leave(this.#watch.onRoom)
    this.#release(this.#taken, this.#overhead)
    this.#file?.stop()
  }

  /** Closes the file, which removes it. */
  closeFile(): void {
    this.#file?.close()
  }

  #overdraw(bytes: number, overhead: number): void {
    this.#store.overdraw(bytes, overhead)
    this.#count(bytes, overhead)
  }

  #release(bytes: number, overhead: number): void {
    this.#store.release(bytes, overhead)
    this.#count(-bytes, -overhead)
  }

  #count(bytes: number, overhead: number): void {
    this.#taken += bytes
    this.#overhead += overhead
  }
}
