import { type BodyStore, CHUNK_ROOM } from './body-store.ts'
import type { Chain } from './chain.ts'
import type { Link } from './link.ts'
import { SMALL_BODY } from './replay-body.ts'
import type { SpoolFile } from './spool.ts'

/**
 * Why a body is retained.
 *
 * `count`: the job is not known yet, so the body is not given up; without a disk it waits for room as with `retry`.
 * `retry`: the body is retained for another reader as long as there is room.
 * `queue`: the body waits for its first reader, which will come soon.
 * `hold`: the body waits for its first reader, possibly for hours: on disk unless it is small.
 */
export type Purpose = 'count' | 'retry' | 'queue' | 'hold'

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
export class Retention {
  #purpose: Purpose
  readonly #store: BodyStore
  readonly #chain: Chain
  readonly #watch: RetentionWatch
  /** The last link queued for the file, at first the position before the first byte; `undefined` after the end. */
  #last: Link | undefined
  /** The size and the overhead of the chain when they were last counted. */
  #seen = { size: 0, overhead: 0 }
  /** Bytes and overhead in memory, as counted in the store. */
  #taken = 0
  #overhead = 0
  #file: SpoolFile | undefined

  /** @param head The position before the first byte of the chain. */
  constructor(store: BodyStore, chain: Chain, head: Link, purpose: Purpose, watch: RetentionWatch) {
    this.#store = store
    this.#chain = chain
    this.#last = head
    this.#purpose = purpose
    this.#watch = watch
  }

  /** Applies another purpose. Only a body with a reader may take a turn without room. */
  set purpose(purpose: Purpose) {
    const wasCounted = this.#purpose === 'count'
    this.#purpose = purpose
    if (!this.#takesTurns) {
      this.#store.leave(this.#watch.onRoom)
      if (this.#taken > this.#mostInMemory) this.#moveToDisk()
    } else if (wasCounted && this.#file === undefined && this.#taken > this.#store.total)
      this.#watch.onGivenUp()
  }

  /** Whether it must be retained even without room: its first reader is still to come. */
  get #isPinned(): boolean {
    return this.#purpose !== 'retry'
  }

  /** Whether it may go on without room when it is its turn. A body without a reader waits for room instead. */
  get #takesTurns(): boolean {
    return this.#purpose === 'count' || this.#purpose === 'retry'
  }

  /** Bytes above which the body goes to disk even with room in memory. */
  get #mostInMemory(): number {
    return this.#purpose === 'hold' ? SMALL_BODY : Number.POSITIVE_INFINITY
  }

  /** The file with a part of the body, once there is one; it can be read after the end. */
  get file(): SpoolFile | undefined {
    return this.#file
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
    if (this.#last === undefined) return true
    // The file calls `onRoom` after a write.
    if (this.#file !== undefined && this.#file.failure === undefined) return this.#file.pending < SPOOL_AHEAD
    if (this.#store.hasRoom(CHUNK_ROOM)) return true
    // Enough to find the job of most requests: a search must not wait for the uploads of others.
    if (this.#purpose === 'count' && this.#taken < CHUNK_ROOM) return true
    return this.#takesTurns && this.#store.disk.available ? true : undefined
  }

  /** Whether the body is read before it has a reader. */
  get readsAhead(): boolean {
    return this.#last !== undefined && !this.#takesTurns
  }

  /** Whether it is read ahead and no more can be read until other bodies release memory. */
  get isFull(): boolean {
    return this.readsAhead && (this.#file === undefined || this.#file.failure !== undefined) && !this.hasRoom
  }

  /** Retains what has arrived since the last call. */
  update(): void {
    if (this.#last === undefined) return
    const { size, overhead } = this.#chain
    const seen = this.#seen
    if (size > seen.size) {
      this.#seen = { size, overhead }
      this.#admit(size - seen.size, overhead - seen.overhead)
    }
    this.#writeSealed()
  }

  #admit(bytes: number, overhead: number): void {
    const size = this.#taken + bytes
    const most = Math.min(this.#mostInMemory, this.#store.share)
    const fits = this.#file === undefined && size <= most && this.#store.hasRoom(bytes + overhead)
    // Without a disk, bytes that have arrived stay in memory, and the rest of the upload waits for room.
    if (fits || this.#moveToDisk() || this.#isPinned || size <= this.#store.total) {
      this.#store.overdraw(bytes, overhead)
      this.#count(bytes, overhead)
    } else this.#watch.onGivenUp()
  }

  /** Opens a file, and queues the links for it. @returns Whether there is a file. */
  #moveToDisk(): boolean {
    if (this.#file !== undefined) return true
    if (this.#last === undefined) return false
    this.#file = this.#store.disk.open({
      onWritten: (bytes, overhead) => {
        if (this.#last !== undefined) this.#release(bytes, overhead)
        this.#watch.onRoom()
      },
      onFailed: () => {
        if (this.#last === undefined || this.#isPinned) this.#watch.onRoom()
        else this.#watch.onGivenUp()
      },
    })
    this.#writeSealed()
    return this.#file !== undefined
  }

  /** Queues links for the file; an open link follows once it is sealed. */
  #writeSealed(): void {
    while (this.#file !== undefined && this.#last?.next?.open === false) {
      this.#last = this.#last.next
      this.#file.write(this.#last)
    }
  }

  /** Ends retention. Bytes on disk can be read until the file is closed. */
  end(): void {
    if (this.#last === undefined) return
    this.#last = undefined
    this.#store.leave(this.#watch.onRoom)
    this.#release(this.#taken, this.#overhead)
    this.#file?.stop()
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
