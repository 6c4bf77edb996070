import { statfsSync } from 'node:fs'
import { Spool, type SpoolFile, type SpoolUsage } from './spool.ts'

/** How long the free disk is remembered, in milliseconds. */
const DISK_INTERVAL = 10_000

/** The disk that bodies are kept on, and how much of it held bodies may take. */
export class DiskSpace {
  #directory: string | undefined
  /** By directory: what is retained stays in the one that it is in. */
  readonly #spools = new Map<string, Spool>()
  /** Bytes of bodies that are held. */
  #held = 0
  /** When the system was asked for the free disk, and that with what bodies take, in bytes. */
  #free = { asked: Number.NEGATIVE_INFINITY, bytes: 0 }

  /** @param directory Without one, nothing goes to disk. */
  constructor(directory: string | undefined) {
    this.use(directory)
  }

  /** Has another directory from now on. */
  use(directory: string | undefined): void {
    this.#directory = directory
    if (directory !== undefined && !this.#spools.has(directory))
      this.#spools.set(directory, new Spool(directory))
  }

  /** Whether bodies can go to disk. */
  get available(): boolean {
    return this.#directory !== undefined
  }

  /** What is on disk now. */
  get usage(): SpoolUsage {
    let [files, bytes] = [0, 0]
    for (const { usage } of this.#spools.values()) {
      files += usage.files
      bytes += usage.bytes
    }
    return { files, bytes }
  }

  /** A file of its own for one body; `undefined` where nothing goes to disk. */
  open(): SpoolFile | undefined {
    return this.#directory === undefined ? undefined : this.#spools.get(this.#directory)?.open()
  }

  /**
   * Counts a body that is held. All held bodies take at most `most` bytes, and half of the disk that is free to them.
   *
   * @param size Bytes of the body, as far as they are known.
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
    if (this.#directory === undefined) return Number.POSITIVE_INFINITY
    const now = Date.now()
    if (now - this.#free.asked > DISK_INTERVAL)
      this.#free = { asked: now, bytes: freeBytes(this.#directory) + this.usage.bytes }
    return this.#free.bytes / 2
  }
}

function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize
  } catch {
    // A directory that is gone: bodies stay in memory.
    return Number.POSITIVE_INFINITY
  }
}
