import { accessSync, constants, statfsSync } from 'node:fs'
import { type Clock, systemClock } from '../clock.ts'
import { openTempFile, removeLeftovers, SpoolFile, type SpoolWatch } from './spool.ts'

/** The files and bytes of bodies on disk. */
export interface SpoolUsage {
  readonly files: number
  readonly bytes: number
}

/** How long the free disk space is cached, in milliseconds. */
const DISK_INTERVAL = 10_000

/** Free space in bytes at which a full disk counts as fixed: the largest body by default. */
const ENOUGH = 32 * 1024 * 1024

/** The disk for bodies, and the limit of held bodies on it. */
export class DiskSpace {
  readonly #clock: Pick<Clock, 'now'>
  #directory: string | undefined
  #files = 0
  #bytes = 0
  /** Directories that cannot be written to. */
  readonly #warned = new Set<string>()
  /** The directory of the last failed write, and when it was checked last; `undefined` if bodies can be written. */
  #failing: { readonly directory: string; readonly checked: number } | undefined
  #onProblem: (problem: string | undefined) => void = () => {}
  /** Bytes of held bodies. */
  #held = 0
  /** The disk space that is free or used by bodies, in bytes, and when it was read. */
  #free = { read: Number.NEGATIVE_INFINITY, bytes: 0 }

  /** @param directory Without it, nothing goes to disk. */
  constructor(directory: string | undefined, clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock
    this.configure(directory)
  }

  /** Applies a new directory. A retained body stays in the directory where it was opened. */
  configure(directory: string | undefined): void {
    if (directory === this.#directory) return
    this.#directory = directory
    if (directory !== undefined) void removeLeftovers(directory)
  }

  /** Whether bodies can go to disk. */
  get available(): boolean {
    return this.#directory !== undefined
  }

  get usage(): SpoolUsage {
    return { files: this.#files, bytes: this.#bytes }
  }

  /** @param onProblem Called with the problem and its remedy when bodies cannot be written, and without when they can again. */
  watch(onProblem: (problem: string | undefined) => void): void {
    this.#onProblem = onProblem
  }

  /** After a failed write, finds out every 10 s at most whether the cause is gone, without waiting for the next large body. */
  recheck(): void {
    const failing = this.#failing
    const now = this.#clock.now()
    if (failing === undefined || now - failing.checked < DISK_INTERVAL) return
    this.#failing = { ...failing, checked: now }
    if (failing.directory !== this.#directory || hasSpace(failing.directory)) this.#recovered()
  }

  /** Opens a file for one body; `undefined` if nothing goes to disk. */
  open({ onWritten, onFailed }: SpoolWatch): SpoolFile | undefined {
    const directory = this.#directory
    if (directory === undefined) return undefined
    this.#files++
    return new SpoolFile(openTempFile(directory), {
      onWritten: (bytes, overhead) => {
        this.#bytes += bytes
        if (this.#failing?.directory === directory) this.#recovered()
        onWritten(bytes, overhead)
      },
      onFailed: (error) => {
        this.#failed(directory, error)
        onFailed(error)
      },
      onClosed: (bytes) => {
        this.#files--
        this.#bytes -= bytes
      },
    })
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

  /** Bytes of bodies that are on disk already count as free. Cached, since reading the free space for each request costs too much. */
  #halfOfDisk(): number {
    if (this.#directory === undefined) return Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    if (now - this.#free.read > DISK_INTERVAL)
      this.#free = { read: now, bytes: freeBytes(this.#directory) + this.#bytes }
    return this.#free.bytes / 2
  }

  /** Warns once; each affected request has a log line of its own. */
  #failed(directory: string, { message }: Error): void {
    this.#failing = { directory, checked: this.#clock.now() }
    this.#onProblem(
      `Request bodies cannot be written to ${directory}, so large requests are not retried: ${message}. ` +
        'Free space there, or set bodySpool to another directory.',
    )
    if (this.#warned.has(directory)) return
    this.#warned.add(directory)
    process.emitWarning(
      `immich-ml-router cannot write request bodies to ${directory} (bodySpool): ${message}. ` +
        'Large requests are not retried until this is fixed.',
    )
  }

  #recovered(): void {
    this.#failing = undefined
    this.#onProblem(undefined)
  }
}

function hasSpace(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    return freeBytes(directory) >= ENOUGH
  } catch {
    return false
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
