import { randomUUID } from 'node:crypto'
import { constants, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { dropChunk } from './chunk-loans.ts'
import type { Link } from './link.ts'

const PREFIX = 'immich-ml-router-'
const NAME = /^immich-ml-router-[0-9a-f-]{36}\.body$/

/** What {@link SpoolFile} needs of a file. */
export interface SpoolHandle {
  writev(chunks: readonly Buffer[], place: number): Promise<{ readonly bytesWritten: number }>
  read(into: Buffer, at: number, length: number, place: number): Promise<{ readonly bytesRead: number }>
  close(): Promise<void>
}

/** What bodies take on disk. */
export interface SpoolUsage {
  readonly files: number
  readonly bytes: number
}

/** What somebody may want to know of a file while it is written. */
export interface SpoolWatch {
  /** So many more bytes are in it. */
  readonly onGrown: (bytes: number) => void
  /** It was given back, with so many bytes in it. */
  readonly onClosed: (bytes: number) => void
  /** Something could not be written. */
  readonly onTrouble: (error: Error) => void
}

const UNWATCHED: SpoolWatch = { onGrown: () => {}, onClosed: () => {}, onTrouble: () => {} }

/** A directory for bodies that are too large for memory. */
export class Spool {
  readonly #directory: string
  #warned = false
  #files = 0
  #bytes = 0

  constructor(directory: string) {
    this.#directory = directory
    void removeLeftovers(directory)
  }

  get usage(): SpoolUsage {
    return { files: this.#files, bytes: this.#bytes }
  }

  open(): SpoolFile {
    this.#files++
    return new SpoolFile(openNameless(this.#directory), {
      onGrown: (bytes) => {
        this.#bytes += bytes
      },
      onClosed: (bytes) => {
        this.#files--
        this.#bytes -= bytes
      },
      onTrouble: (error) => this.#warn(error),
    })
  }

  /** Once: what it means for a request is said with the request. */
  #warn(error: Error): void {
    if (this.#warned) return
    this.#warned = true
    process.emitWarning(
      `immich-ml-router cannot keep large requests in ${this.#directory} (bodySpool): ${error.message}. ` +
        'As long as this lasts, they are not sent again when a backend fails.',
    )
  }
}

/**
 * One body on disk. It may be written faster than the disk can: what is not there yet stays in memory.
 */
export class SpoolFile {
  readonly #handle: Promise<SpoolHandle>
  #queue: Link[] = []
  #pending = 0
  #end = 0
  #writing = false
  #stopped = false
  #failure: Error | undefined
  #onWritten: (bytes: number, overhead: number) => void = () => {}
  #onFailed: (error: Error) => void = () => {}
  #closed = false
  readonly #watch: SpoolWatch

  constructor(handle: Promise<SpoolHandle>, watch: SpoolWatch = UNWATCHED) {
    this.#handle = handle
    this.#watch = watch
    // Its failure is found by the first write; until then it is nobody's.
    handle.catch(() => {})
  }

  /**
   * @param onWritten Told how many bytes have left the memory, and how much of what their links cost besides.
   * @param onFailed Called once, when a write fails: the disk is full, or not there.
   */
  listen(onWritten: (bytes: number, overhead: number) => void, onFailed: (error: Error) => void): void {
    this.#onWritten = onWritten
    this.#onFailed = onFailed
  }

  /** Bytes that wait for the disk. */
  get pending(): number {
    return this.#pending
  }

  /** Why nothing more can be written. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Takes the next link of the body, which must not grow any more; its memory is dropped once it is on disk. */
  write(link: Link): void {
    if (this.#stopped) return
    this.#queue.push(link)
    this.#pending += link.size
    if (!this.#writing) void this.#flush()
  }

  /**
   * @param from How many bytes of the link to skip.
   * @throws when the disk does not give back what it was given.
   */
  async read(link: Link, from: number): Promise<Buffer> {
    const handle = await this.#handle
    const size = link.size - from
    const place = link.place + from
    const chunk = Buffer.allocUnsafeSlow(size)
    for (let at = 0; at < size; ) {
      const { bytesRead } = await handle.read(chunk, at, size - at, place + at)
      if (bytesRead === 0) throw new Error('the temp file is shorter than what was written to it')
      at += bytesRead
    }
    return chunk
  }

  /** Writes nothing more: what is not on disk stays in memory. */
  stop(): void {
    this.#stopped = true
    this.#queue = []
  }

  /** Gives the file back to the system, and with it what is on disk. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.stop()
    this.#watch.onClosed(this.#end)
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
      this.#watch.onTrouble(this.#failure)
      this.#onFailed(this.#failure)
    }
    this.#writing = false
  }

  async #writeAll(handle: SpoolHandle, links: readonly Link[]): Promise<void> {
    const chunks = links.flatMap(({ bytes }) => bytes ?? [])
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
    const { bytesWritten } = await handle.writev(chunks, this.#end)
    // A file that takes less than it is given is on a disk that has no more room.
    if (bytesWritten < bytes) throw new Error(`only ${bytesWritten} of ${bytes} bytes could be written`)
    if (this.#stopped) return
    let overhead = 0
    for (const link of links) {
      link.place = this.#end
      this.#end += link.size
      overhead += link.overhead
      dropChunk(link)
      overhead -= link.overhead
    }
    this.#pending -= bytes
    this.#watch.onGrown(bytes)
    this.#onWritten(bytes, overhead)
  }
}

/** A file that nobody else can read, and that is gone as soon as it is closed, even by a crash. */
async function openNameless(directory: string): Promise<SpoolHandle> {
  // Linux has files that never have a name (open(2), O_TMPFILE), on most file systems.
  const { O_DIRECTORY, O_RDWR } = constants
  const nameless =
    process.platform === 'linux' &&
    (await open(directory, 0o20000000 | O_DIRECTORY | O_RDWR, 0o600).catch(() => undefined))
  return nameless || openUnlinked(join(directory, `${PREFIX}${randomUUID()}.body`))
}

async function openUnlinked(path: string): Promise<SpoolHandle> {
  const handle = await open(path, 'wx+', 0o600)
  const unlinked = await unlink(path).then(
    () => true,
    () => false,
  )
  if (unlinked) return handle
  // Where open files cannot be unlinked, that is left for the end.
  return {
    writev: (chunks, place) => handle.writev(chunks, place),
    read: (into, at, length, place) => handle.read(into, at, length, place),
    close: () => handle.close().finally(() => unlink(path)),
  }
}

/**
 * Removes what a process left that was killed between opening a file and unlinking it. The files of others are only
 * unlinked a moment before they do it themselves.
 */
async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  await Promise.allSettled(
    names.filter((name) => NAME.test(name)).map((name) => unlink(join(directory, name))),
  )
}
