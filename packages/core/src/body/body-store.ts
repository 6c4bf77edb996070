import { DiskSpace } from './disk-space.ts'

/** Room in bytes required to read more of a body: twice the largest chunk of a socket. */
export const CHUNK_ROOM = 128 * 1024
/** Memory of a chunk in bytes besides its own: its link, Buffer and ArrayBuffer, and V8's record of them. */
export const CHUNK_COST = 512

export interface BodyStoreOptions {
  /** Largest body in bytes that is always kept in memory. Larger bodies go to disk unless `spareMemory` has room. */
  readonly bodyMemory: number
  /** Bytes of all bodies up to which a larger body may stay in memory. */
  readonly spareMemory: number
  /** Limit of the bytes of all bodies in memory. */
  readonly totalBodyMemory: number
  /** Directory for larger bodies. Without it, they are not retained. */
  readonly directory: string | undefined
}

/**
 * The memory and disk that retain bodies until they are answered, and the queue of bodies that wait for memory. Buffered answers
 * count in the memory, too. Sizes are in bytes.
 */
export class BodyStore {
  readonly disk: DiskSpace
  #options: BodyStoreOptions
  #used = 0
  #overhead = 0
  /** Bodies that wait for room, oldest first. */
  readonly #waiting = new Set<() => void>()
  /** Bodies that are held and wait for room. */
  readonly #heldWaiting = new Set<() => void>()

  constructor(options: BodyStoreOptions) {
    this.#options = options
    this.disk = new DiskSpace(options.directory)
  }

  /** Applies new limits. Retained bodies stay where they are. */
  configure(options: BodyStoreOptions): void {
    this.#options = options
    this.disk.configure(options.directory)
  }

  /** The limit. */
  get total(): number {
    return this.#options.totalBodyMemory
  }

  /** Bytes of bodies and answers in memory. */
  get used(): number {
    return this.#used
  }

  /** `used` plus overhead: links and memory not filled yet. The limit applies to this. */
  get kept(): number {
    return this.#used + this.#overhead
  }

  /**
   * Largest body in bytes that may be in memory now. Above `bodyMemory`, one body takes at most what all bodies leave free, so
   * some memory is always left for the next.
   */
  get share(): number {
    const { bodyMemory, spareMemory } = this.#options
    return Math.max(bodyMemory, Math.min(spareMemory, this.total) - this.kept)
  }

  /** @returns Whether this many bytes are free. */
  hasRoom(bytes: number): boolean {
    return this.kept + bytes <= this.total
  }

  /**
   * Reserves room.
   *
   * @param overhead Cost of the bytes besides themselves.
   * @returns Whether there was room.
   */
  take(bytes: number, overhead = 0): boolean {
    if (!this.hasRoom(bytes + overhead)) return false
    this.overdraw(bytes, overhead)
    return true
  }

  /** Reserves room even beyond the limit, for bytes that are already in memory. */
  overdraw(bytes: number, overhead = 0): void {
    this.#used += bytes
    this.#overhead += overhead
  }

  /** Releases room, and wakes bodies that wait for it. */
  release(bytes: number, overhead = 0): void {
    this.#used -= bytes
    this.#overhead -= overhead
    this.#wakeNext()
  }

  /**
   * Waits for room. The oldest body may go on even without room: otherwise half-received bodies would wait for each other.
   *
   * @param wake Called when there may be room, or when the body is the oldest.
   * @returns Whether the body is the oldest.
   */
  awaitTurn(wake: () => void): boolean {
    this.#waiting.add(wake)
    return this.isNext(wake)
  }

  /** Whether this body is the oldest, or would be if it waited. */
  isNext(wake: () => void): boolean {
    const [next = wake] = this.#waiting
    return next === wake
  }

  /** Calls back once when there may be room. For held bodies, which never go on without room because they can wait. */
  awaitRoom(wake: () => void): void {
    this.#heldWaiting.add(wake)
  }

  /** Leaves the queue, because the body has room. */
  forget(wake: () => void): void {
    this.#waiting.delete(wake)
  }

  /** Leaves the queue and wakes the next body. */
  leave(wake: () => void): void {
    this.#heldWaiting.delete(wake)
    if (this.#waiting.delete(wake)) this.#wakeNext()
  }

  /** Wakes the oldest body, and as many more as there is room for a chunk of each. */
  #wakeNext(): void {
    let rest = Math.max(1, Math.floor((this.total - this.kept) / CHUNK_ROOM))
    for (const wake of [...this.#waiting]) {
      if (rest-- === 0) break
      wake()
    }
    if (this.#heldWaiting.size === 0 || !this.hasRoom(1)) return
    const held = [...this.#heldWaiting]
    this.#heldWaiting.clear()
    for (const wake of held) wake()
  }
}
