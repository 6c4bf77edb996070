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

/** Where bodies are retained until they are answered: in memory, and on disk what is too large for that. */
export class BodyStore {
  #options: BodyStoreOptions
  /** By directory: what is retained stays in the one that it is in. */
  readonly #spools = new Map<string, Spool>()
  #used = 0

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
  }

  /** A file of its own for one body; `undefined` where nothing goes to disk. */
  open(): SpoolFile | undefined {
    const { directory } = this.#options
    return directory === undefined ? undefined : this.#spools.get(directory)?.open()
  }
}
