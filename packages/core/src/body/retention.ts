import type { BodyStore } from './body-store.ts'
import type { ChainWatch } from './chain.ts'
import type { Link } from './link.ts'
import { CHUNK_ROOM } from './memory-budget.ts'
import type { SpoolFile } from './spool.ts'

/** What a body is retained for. */
export interface Terms {
  /**
   * `count`: its job is not known yet, so it is not given up; without a disk, it waits for room as with `retry`. `retry`: it is retained for another reader, as long as there is
   * room. `hold`: it waits for its first reader.
   */
  readonly purpose: 'count' | 'retry' | 'hold'
  /** Bytes above which it goes to disk, even with room in memory. */
  readonly inMemory: number
}

/** What the retained body must know. */
export interface RetentionWatch {
  /** There may be room again. */
  readonly onRoom: () => void
  /** It cannot be retained any longer. */
  readonly onGivenUp: () => void
}

/** Bytes that may wait for the disk before the sender has to. */
const SPOOL_AHEAD = 512 * 1024

/** Keeps a body until it is answered: in memory as far as there is room, and beyond that on disk. */
export class Retention implements ChainWatch {
  #terms: Terms
  readonly #store: BodyStore
  readonly #watch: RetentionWatch
  /** In front of what is retained; `undefined` once that is over. */
  #head: Link | undefined
  /** Bytes in memory, as the store has counted them. */
  #taken = 0
  /** What the links cost beside these bytes, as the store has counted it. */
  #overhead = 0
  #file: SpoolFile | undefined

  constructor(store: BodyStore, head: Link, terms: Terms, watch: RetentionWatch) {
    this.#store = store
    this.#head = head
    this.#terms = terms
    this.#watch = watch
  }

  /** Retained for something else from now on. Only a body with a reader may take a turn without room. */
  set terms(terms: Terms) {
    const wasCounted = this.#terms.purpose === 'count'
    this.#terms = terms
    if (!this.#takesTurns) this.#store.leave(this.#watch.onRoom)
    else if (wasCounted && !this.spooled && this.#taken > this.#store.total) this.#watch.onGivenUp()
  }

  /** It must not be given up, whether there is room or not: its first reader is still to come. */
  get #isPinned(): boolean {
    return this.#terms.purpose !== 'retry'
  }

  /** A held body waits for room for as long as it takes; others may go on without room when it is their turn. */
  get #takesTurns(): boolean {
    return this.#terms.purpose !== 'hold'
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
    return this.#knownRoom ?? (this.#takesTurns && this.#store.isNext(this.#watch.onRoom))
  }

  /** The same; without room, it waits for it: `onRoom` is called when there may be some. */
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

  /** Whether there is room without waiting for it; `undefined` when it has to wait for other bodies. */
  get #knownRoom(): boolean | undefined {
    if (this.#head === undefined) return true
    // The file calls back when something is written.
    if (this.#file !== undefined && !this.failed) return this.#file.pending < SPOOL_AHEAD
    if (this.#store.hasRoom(CHUNK_ROOM)) return true
    // Enough to know the job of most requests: a search must not wait for the uploads of others.
    if (this.#terms.purpose === 'count' && this.#taken < CHUNK_ROOM) return true
    return this.#takesTurns && this.#store.disk.available ? true : undefined
  }

  /** Whether the body is read for no reader, to be kept until there is one. */
  get isHeld(): boolean {
    return this.#head !== undefined && this.#terms.purpose === 'hold'
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

  add(link: Link): void {
    const wasSpooled = this.spooled
    this.#admit(link.size, link.overhead)
    // A file that is opened for it gets all links that do not grow any more.
    if (wasSpooled && !link.open) this.seal(link)
  }

  grow(_link: Link, bytes: number): void {
    this.#admit(bytes, -bytes)
  }

  seal(link: Link): void {
    if (this.#head !== undefined) this.#file?.write(link)
  }

  /** Retains bytes that have arrived, and what they cost besides. */
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
    // Without a disk, what has arrived stays in memory, and the rest of the upload waits for room there.
    else if (this.#isPinned || size <= this.#store.total) this.#overdraw(bytes, overhead)
    else this.#watch.onGivenUp()
  }

  /** @returns Whether what has arrived is on its way to a file now; an open link follows once it is sealed. */
  moveToDisk(): boolean {
    if (this.#file !== undefined) return true
    if (this.#head === undefined) return false
    const file = this.#store.disk.open()
    if (file === undefined) return false
    this.#file = file
    file.listen(
      (bytes, overhead) => {
        if (this.#head !== undefined) this.#give(bytes, overhead)
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

  /** What was in a link before it went to disk. @param from How many of its bytes to skip. */
  async load(link: Link, from: number): Promise<Buffer> {
    if (this.#file === undefined) throw new Error('there is no file')
    return this.#file.read(link, from)
  }

  /** Keeps nothing more; what is on disk can be read until the file is closed. */
  end(): void {
    if (this.#head === undefined) return
    this.#head = undefined
    this.#store.leave(this.#watch.onRoom)
    this.#give(this.#taken, this.#overhead)
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

  #give(bytes: number, overhead: number): void {
    this.#store.give(bytes, overhead)
    this.#count(-bytes, -overhead)
  }

  #count(bytes: number, overhead: number): void {
    this.#taken += bytes
    this.#overhead += overhead
  }
}
