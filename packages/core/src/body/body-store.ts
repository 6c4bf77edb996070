import { statfsSync } from 'node:fs'
import { Spool, type SpoolFile, type SpoolUsage } from './spool.ts'

export interface BodyStoreOptions {
  /** Bytes of one body that are retained in memory; what is larger goes to disk, unless there is spare room. */
  readonly bodyMemory: number
  /** Bytes of all bodies together up to which there is spare room for larger ones. */
  readonly spareMemory: number
  /** Bytes of all bodies together that are retained in memory. */
  readonly totalBodyMemory: number
  /** The directory for what is larger; without one, it is not retained. */
  readonly directory: string | undefined
}

/** Between two questions for the free disk, in milliseconds. */
const DISK_INTERVAL = 10_000

function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize
  } catch {
    // A directory that is gone: bodies stay in memory.
    return Number.POSITIVE_INFINITY
  }
}

/** Where bodies are retained until they are answered: in memory, and on disk what is too large for that. */
export class BodyStore {
  #options: BodyStoreOptions
  /** By directory: what is retained stays in the one that it is in. */
  readonly #spools = new Map<string, Spool>()
  #used = 0
  /** Bytes of bodies that are held. */
  #held = 0
  /** When the system was asked for the free disk, and what it said, with what bodies take, in bytes. */
  #disk = { asked: Number.NEGATIVE_INFINITY, free: 0 }
  /** Bodies that wait for room, the one that has waited longest first. */
  readonly #waiting = new Set<() => void>()
  /** Bodies that are held and wait for room. */
  readonly #heldWaiting = new Set<() => void>()

  constructor(options: BodyStoreOptions) {
    this.#options = options
    this.adapt(options)
  }

  /** Has other limits from now on. What is retained stays where it is. */
  adapt(options: BodyStoreOptions): void {
    this.#options = options
    const { directory } = options
    if (directory !== undefined && !this.#spools.has(directory))
      this.#spools.set(directory, new Spool(directory))
  }

  /** Whether a body that finds no room in memory goes to disk. */
  get hasDisk(): boolean {
    return this.#options.directory !== undefined
  }

  /** Bytes of all bodies together that may be. */
  get total(): number {
    return this.#options.totalBodyMemory
  }

  /** Bytes that are retained in memory now. */
  get used(): number {
    return this.#used
  }

  /** What is retained on disk now. */
  get spooled(): SpoolUsage {
    let [files, bytes] = [0, 0]
    for (const { usage } of this.#spools.values()) {
      files += usage.files
      bytes += usage.bytes
    }
    return { files, bytes }
  }

  /** Bytes of one body that are retained in memory. */
  get bodyMemory(): number {
    return this.#options.bodyMemory
  }

  /**
   * Bytes of one body that may be in memory now. A larger one may be as large as what all of them leave free: so there is
   * always something left for the next, and none has to make room for it.
   */
  get share(): number {
    const { bodyMemory, spareMemory } = this.#options
    return Math.max(bodyMemory, Math.min(spareMemory, this.total) - this.#used)
  }

  hasRoom(bytes: number): boolean {
    return this.#used + bytes <= this.total
  }

  /** @returns Whether there was room for so many bytes; if so, they are taken. */
  take(bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false
    this.#used += bytes
    return true
  }

  /** Takes room that must be had: for what waits to be written to disk. */
  overdraw(bytes: number): void {
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
    this.#wakeNext()
  }

  /**
   * Waits for room in memory. The body that has waited longest may go on even without room: otherwise bodies that are all
   * half here would wait for each other.
   *
   * @param wake Called when there may be room, or it is its turn.
   * @returns Whether it is its turn.
   */
  isNext(wake: () => void): boolean {
    this.#waiting.add(wake)
    const [next] = this.#waiting
    return next === wake
  }

  /** Calls back once when there may be room. A body that is held does not take a turn: it can wait for longer than others. */
  awaitRoom(wake: () => void): void {
    this.#heldWaiting.add(wake)
  }

  /** It does not wait for room any more. */
  leave(wake: () => void): void {
    this.#heldWaiting.delete(wake)
    if (this.#waiting.delete(wake)) this.#wakeNext()
  }

  #wakeNext(): void {
    const [next] = this.#waiting
    next?.()
    if (this.#heldWaiting.size === 0 || this.#used >= this.total) return
    const held = [...this.#heldWaiting]
    this.#heldWaiting.clear()
    for (const wake of held) wake()
  }

  /**
   * Counts a body that is to be held: all that are take at most so many bytes, and half of the disk that is free to them.
   *
   * @param size Bytes of the body, as far as they are known.
   * @param most Bytes of all held bodies together.
   * @returns What ends the hold; `undefined` when there is no room.
   */
  hold(size: number, most: number): (() => void) | undefined {
    if (this.#held + size > Math.min(most, this.#halfOfDisk())) return undefined
    this.#held += size
    return () => {
      this.#held -= size
    }
  }

  /** What is held may already be on the disk. Asking the system costs too much for every request. */
  #halfOfDisk(): number {
    const { directory } = this.#options
    if (directory === undefined) return Number.POSITIVE_INFINITY
    const now = Date.now()
    if (now - this.#disk.asked > DISK_INTERVAL) {
      this.#disk = { asked: now, free: freeBytes(directory) + this.spooled.bytes }
    }
    return this.#disk.free / 2
  }

  /** A file of its own for one body; `undefined` where nothing goes to disk. */
  open(): SpoolFile | undefined {
    const { directory } = this.#options
    return directory === undefined ? undefined : this.#spools.get(directory)?.open()
  }
}
