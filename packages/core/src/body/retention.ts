import type { BodyStore } from './body-store.ts'
import type { Piece, SpoolFile } from './spool.ts'

/**
 * A piece and, once it has arrived, the next: whoever holds a link keeps what follows it, and nothing before it. A class,
 * since V8 may take object literals for long-lived ones, and all that they hold with them (docs/decisions/0013).
 */
export class Link implements Piece {
  chunk: Buffer | undefined
  readonly size: number
  lent: number
  place = 0
  next: Link | undefined

  constructor(chunk: Buffer | undefined, lent: number) {
    this.chunk = chunk
    this.size = chunk?.length ?? 0
    this.lent = lent
  }
}

/** What a body is retained for. */
export interface Terms {
  /** It must not be given up, whatever the room: nobody reads it yet. */
  readonly pinned: boolean
  /** Bytes of which more go to disk, whatever the room. */
  readonly inMemory: number
}

/** What is to be known to the body that is retained. */
export interface RetentionWatch {
  /** There may be room again. */
  readonly onRoom: () => void
  /** It cannot be retained any longer. */
  readonly onGivenUp: () => void
}

/** Bytes that may wait for the disk before the sender has to. */
const SPOOL_AHEAD = 512 * 1024
/** The largest chunk that a socket gives, twice: so much room there must be to read ahead of every reader. */
const CHUNK_ROOM = 128 * 1024

/** Keeps a body until it is answered: in memory as far as there is room, and beyond that on disk. */
export class Retention {
  #terms: Terms
  readonly #store: BodyStore
  readonly #watch: RetentionWatch
  /** In front of what is retained; `undefined` once that is over. */
  #head: Link | undefined
  /** Bytes in memory, as the store has counted them. */
  #taken = 0
  #file: SpoolFile | undefined

  constructor(store: BodyStore, head: Link, terms: Terms, watch: RetentionWatch) {
    this.#store = store
    this.#head = head
    this.#terms = terms
    this.#watch = watch
  }

  /** Retained for something else from now on. A pinned body waits for room, and never takes a turn without it. */
  set terms(terms: Terms) {
    this.#terms = terms
    if (terms.pinned) this.#store.leave(this.#watch.onRoom)
  }

  /** Whether a part of the body is, or was, on disk. */
  get spooled(): boolean {
    return this.#file !== undefined
  }

  /** Whether something could not be written to disk. */
  get failed(): boolean {
    return this.#file?.failure !== undefined
  }

  /** Whether more may be read from the source: what was read must have left the memory. */
  get hasRoom(): boolean {
    if (this.#head === undefined) return true
    if (this.#file !== undefined && !this.failed) return this.#file.pending < SPOOL_AHEAD
    if (this.#store.hasRoom(CHUNK_ROOM)) return true
    if (this.#terms.pinned) {
      this.#store.awaitRoom(this.#watch.onRoom)
      return false
    }
    return this.#store.hasDisk || this.#store.isNext(this.#watch.onRoom)
  }

  /** Whether the body is read for nobody, to be kept until somebody reads it. */
  get isHeld(): boolean {
    return this.#head !== undefined && this.#terms.pinned
  }

  /** Whether it is held, and there will be no room for more, as opposed to not yet. */
  get isFull(): boolean {
    return this.isHeld && (this.#file === undefined || this.failed) && !this.hasRoom
  }

  /** Retains all that has arrived. */
  addAll(): void {
    // Once there is a file, all of it is on its way there.
    for (let link = this.#head?.next; link !== undefined && this.#file === undefined; link = link.next)
      this.add(link)
  }

  /** Retains what has arrived last. */
  add(link: Link): void {
    if (this.#head === undefined) return
    if (this.#file !== undefined) {
      this.#overdraw(link.size)
      this.#file.write(link)
      return
    }
    const size = this.#taken + link.size
    const most = Math.min(this.#terms.inMemory, this.#store.share)
    if (size <= most && this.#store.take(link.size)) this.#taken = size
    else if (this.moveToDisk()) return
    // Without a disk, what has arrived stays in memory, and the rest of the upload waits for room there.
    else if (this.#terms.pinned || size <= this.#store.total) this.#overdraw(link.size)
    else this.#watch.onGivenUp()
  }

  /** @returns Whether what has arrived is on its way to a file now. */
  moveToDisk(): boolean {
    if (this.#file !== undefined) return true
    if (this.#head === undefined) return false
    const file = this.#store.open()
    if (file === undefined) return false
    this.#file = file
    file.listen(
      (bytes) => {
        if (this.#head !== undefined) this.#give(bytes)
        this.#watch.onRoom()
      },
      () => {
        if (this.#head === undefined || this.#terms.pinned) this.#watch.onRoom()
        else this.#watch.onGivenUp()
      },
    )
    let bytes = 0
    for (let link = this.#head.next; link !== undefined; link = link.next) {
      file.write(link)
      bytes += link.size
    }
    this.#overdraw(bytes - this.#taken)
    return true
  }

  /** What was in a link before it went to disk. */
  async load(link: Link): Promise<Buffer> {
    if (this.#file === undefined) throw new Error('there is no file')
    return this.#file.read(link)
  }

  /** Keeps nothing more; what is on disk can be read until the file is closed. */
  end(): void {
    if (this.#head === undefined) return
    this.#head = undefined
    this.#store.leave(this.#watch.onRoom)
    this.#give(this.#taken)
    this.#file?.stop()
  }

  /** Gives the file back. */
  closeFile(): void {
    this.#file?.close()
  }

  #overdraw(bytes: number): void {
    this.#store.overdraw(bytes)
    this.#taken += bytes
  }

  #give(bytes: number): void {
    this.#store.give(bytes)
    this.#taken -= bytes
  }
}
