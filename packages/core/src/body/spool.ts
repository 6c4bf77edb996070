import { randomUUID } from 'node:crypto'
import { constants, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Link } from './link.ts'

const PREFIX = 'immich-ml-router-'
const NAME = /^immich-ml-router-[0-9a-f-]{36}\.body$/

/** The methods of a file that {@link SpoolFile} uses. */
export interface SpoolHandle {
  writev(chunks: readonly Buffer[], offset: number): Promise<{ readonly bytesWritten: number }>
  read(into: Buffer, at: number, length: number, offset: number): Promise<{ readonly bytesRead: number }>
  close(): Promise<void>
}

/** Callbacks of a file. */
export interface SpoolWatch {
  /** A write released bytes and overhead from memory. */
  readonly onWritten: (bytes: number, overhead: number) => void
  /** A write failed, the first time: the disk is full or missing. */
  readonly onFailed: (error: Error) => void
  /** The file was closed. @param bytes Its size. */
  readonly onClosed?: (bytes: number) => void
}

/** One body on disk. Links stay in memory until they are written. */
export class SpoolFile {
  readonly #handle: Promise<SpoolHandle>
  #queue: Link[] = []
  #pending = 0
  #end = 0
  #writing = false
  #stopped = false
  #failure: Error | undefined
  #closed = false
  readonly #watch: SpoolWatch

  constructor(handle: Promise<SpoolHandle>, watch: SpoolWatch) {
    this.#handle = handle
    this.#watch = watch
    // The first write reports a failure; this avoids an unhandled rejection before.
    handle.catch(() => {})
  }

  /** Bytes waiting for the disk. */
  get pending(): number {
    return this.#pending
  }

  /** The error of the failed write. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Queues the next link of the body, which must be sealed. Drops its memory once it is on disk. */
  write(link: Link): void {
    if (this.#stopped) return
    this.#queue.push(link)
    this.#pending += link.size
    if (!this.#writing) void this.#flush()
  }

  /**
   * @param from Offset in the link.
   * @throws if the file is shorter than expected or cannot be read.
   */
  async read(link: Link, from: number): Promise<Buffer> {
    const handle = await this.#handle
    const size = link.size - from
    const offset = link.offset + from
    const chunk = Buffer.allocUnsafeSlow(size)
    for (let at = 0; at < size; ) {
      const { bytesRead } = await handle.read(chunk, at, size - at, offset + at)
      if (bytesRead === 0) throw new Error('the temp file is shorter than the bytes written to it')
      at += bytesRead
    }
    return chunk
  }

  /** Stops writing. Links that are not on disk stay in memory. */
  stop(): void {
    this.#stopped = true
    this.#queue = []
  }

  /** Closes the file, which deletes it. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.stop()
    this.#watch.onClosed?.(this.#end)
    this.#handle.then((handle) => handle.close()).catch(() => {})
  }

  async #flush(): Promise<void> {
    this.#writing = true
    try {
      const handle = await this.#handle
      while (this.#queue.length > 0) {
        const links = this.#queue
        this.#queue = []
        await this.#writeAll(handle, links)
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error))
      this.stop()
      this.#watch.onFailed(this.#failure)
    }
    this.#writing = false
  }

  async #writeAll(handle: SpoolHandle, links: readonly Link[]): Promise<void> {
    const chunks = links.flatMap((link) => link.from(0) ?? [])
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
    const { bytesWritten } = await handle.writev(chunks, this.#end)
    // A short write means that the disk is full.
    if (bytesWritten < bytes)
      throw new Error(`wrote only ${bytesWritten} of ${bytes} bytes; the disk is full`)
    if (this.#stopped) return
    let overhead = 0
    for (const link of links) {
      overhead += link.overhead
      link.moveToDisk(this.#end)
      overhead -= link.overhead
      this.#end += link.size
    }
    this.#pending -= bytes
    this.#watch.onWritten(bytes, overhead)
  }
}

/** Opens a file that only this user can read and that disappears when it is closed, even by a crash. */
export async function openTempFile(directory: string): Promise<SpoolHandle> {
  // Most file systems of Linux support unnamed files (open(2), O_TMPFILE).
  const { O_DIRECTORY, O_RDWR } = constants
  const unnamed =
    process.platform === 'linux' &&
    (await open(directory, 0o20000000 | O_DIRECTORY | O_RDWR, 0o600).catch(() => undefined))
  return unnamed || openUnlinked(join(directory, `${PREFIX}${randomUUID()}.body`))
}

async function openUnlinked(path: string): Promise<SpoolHandle> {
  const handle = await open(path, 'wx+', 0o600)
  const unlinked = await unlink(path).then(
    () => true,
    () => false,
  )
  if (unlinked) return handle
  // Some systems cannot unlink open files: unlink after close.
  return {
    writev: (chunks, offset) => handle.writev(chunks, offset),
    read: (into, at, length, offset) => handle.read(into, at, length, offset),
    close: () => handle.close().finally(() => unlink(path)),
  }
}

/**
 * Removes files of processes that were killed between open and unlink. A running process unlinks its files anyway, so removing
 * one of them is harmless.
 */
export async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  await Promise.allSettled(
    names.filter((name) => NAME.test(name)).map((name) => unlink(join(directory, name))),
  )
}
