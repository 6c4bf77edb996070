import { Spool, type SpoolFile, type SpoolUsage } from './spool.ts'

export interface BodyStoreOptions {
  /** Bytes of one body that are retained in memory; what is larger goes to disk. */
  readonly bodyMemory: number
  /** Bytes of all bodies together that are retained in memory. */
  readonly totalBodyMemory: number
  /** The directory for what is larger; without one, it is not retained. */
  readonly directory: string | undefined
}

const NOTHING: SpoolUsage = { files: 0, bytes: 0 }

/** Where bodies are retained until they are answered: in memory, and on disk what is too large for that. */
export class BodyStore {
  /** Bytes of one body that are retained in memory. */
  readonly bodyMemory: number
  /** Bytes of all bodies together that may be. */
  readonly total: number
  readonly #spool: Spool | undefined
  #used = 0

  constructor({ bodyMemory, totalBodyMemory, directory }: BodyStoreOptions) {
    this.bodyMemory = bodyMemory
    this.total = totalBodyMemory
    this.#spool = directory === undefined ? undefined : new Spool(directory)
  }

  /** Bytes that are retained in memory now. */
  get used(): number {
    return this.#used
  }

  /** What is retained on disk now. */
  get spooled(): SpoolUsage {
    return this.#spool?.usage ?? NOTHING
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
    return this.#spool?.open()
  }
}
