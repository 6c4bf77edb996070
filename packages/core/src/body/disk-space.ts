import { statfsSync } from 'node:fs'
import { type Clock, systemClock } from '../clock.ts'
import { Spool, type SpoolFile, type SpoolUsage } from './spool.ts'

/** How long the free disk space is cached, in milliseconds. */
const DISK_INTERVAL = 10_000

/** The disk for bodies, and the limit of held bodies on it. */
export class DiskSpace {
  readonly #clock: Pick<Clock, 'now'>
  #directory: string | undefined
  /** By directory: a retained body stays in the directory where it was opened. */
  readonly #spools = new Map<string, Spool>()
  /** Bytes of held bodies. */
  #held = 0
  /** The disk space that is free or used by bodies, in bytes, and when it was read. */
  #free = { read: Number.NEGATIVE_INFINITY, bytes: 0 }

  /** @param directory Without it, nothing goes to disk. */
  constructor(directory: string | undefined, clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock
    this.configure(directory)
  }

  /** Applies a new directory. */
  configure(directory: string | undefined): void {
    this.#directory = directory
    if (directory !== undefined && !this.#spools.has(directory))
      this.#spools.set(directory, new Spool(directory))
  }

  /** Whether bodies can go to disk. */
  get available(): boolean {
    return this.#directory !== undefined
  }

  /** The files and bytes on disk. */
  get usage(): SpoolUsage {
    let [files, bytes] = [0, 0]
    for (const { usage } of this.#spools.values()) {
      files += usage.files
      bytes += usage.bytes
    }
    return { files, bytes }
  }

  /** Opens a file for one body; `undefined` if nothing goes to disk. */
  open(): SpoolFile | undefined {
    return this.#directory === undefined ? undefined : this.#spools.get(this.#directory)?.open()
  }

  /**
   * Reserves space for a held body. All held bodies together take at most `most` bytes and half of the free disk.
   *
   * @param size Bytes of the body, as far as known.
   * @returns Releases the space; `undefined` if there is no room.
   */
  hold(size: number, most: number): (() => void) | undefined {
    if (this.#held + size > Math.min(most, this.#halfOfDisk())) return undefined
    this.#held += size
    return () => {
      this.#held -= size
    }
  }

  /** Held bodies on disk count as free. Cached, since reading the free space for each request costs too much. */
  #halfOfDisk(): number {
    if (this.#directory === undefined) return Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    if (now - this.#free.read > DISK_INTERVAL)
      this.#free = { read: now, bytes: freeBytes(this.#directory) + this.usage.bytes }
    return this.#free.bytes / 2
  }
}

function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize
  } catch {
    // The directory does not exist; bodies stay in memory.
    return Number.POSITIVE_INFINITY
  }
}
