import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '@immich-ml-router/core'

/** How long what is in a file must stand still, in milliseconds: it may be half-written, or gone for a moment. */
const SETTLE = 100
/**
 * Between two looks at a file of which nothing is heard, in milliseconds: not every file system tells of changes, and nobody
 * of those to what it refers to.
 */
const POLL = 5_000

export interface FileWatcherOptions {
  /** What is in it, as text: the same as long as nothing is different. It never rejects. */
  readonly read: () => Promise<string>
  /** Called when there is something else in it than before. */
  readonly onChange: () => void
  readonly clock: Clock
}

/**
 * Tells when what is in a file changes, however that comes about: written in place, another file renamed to it, or a link
 * on its way turned to another directory, as Kubernetes does. It goes by what is in it alone, and not by times.
 */
export class FileWatcher {
  readonly #options: FileWatcherOptions
  readonly #watcher: FSWatcher | undefined
  /** What was there when it was told last. */
  #known: string
  /** What has been there since it is another, and has not stood still for long enough. */
  #unsettled: string | undefined
  #looking = false
  /** How often it was asked to look. */
  #asked = 0
  #closed = false
  #cancelLook: (() => void) | undefined
  #cancelPoll: (() => void) | undefined

  /** @param known What is in the file, as far as is known. */
  constructor(path: string, known: string, options: FileWatcherOptions) {
    this.#options = options
    this.#known = known
    // Of a directory one hears that a file in it is another, which the old file does not know.
    this.#watcher = watchQuietly(dirname(path), () => this.look())
    this.#poll()
  }

  /** Something may have changed. */
  look(): void {
    this.#asked++
    if (this.#closed || this.#cancelLook !== undefined || this.#looking) return
    this.#cancelLook = this.#options.clock.after(SETTLE, () => void this.#look())
  }

  close(): void {
    this.#closed = true
    this.#watcher?.close()
    this.#cancelLook?.()
    this.#cancelPoll?.()
  }

  async #look(): Promise<void> {
    this.#cancelLook = undefined
    this.#looking = true
    const asked = this.#asked
    const { read, onChange } = this.#options
    const found = await read()
    this.#looking = false
    if (this.#closed) return
    const isNew = found !== this.#known
    const isSettled = found === this.#unsettled
    this.#unsettled = isNew && !isSettled ? found : undefined
    if (this.#asked !== asked || this.#unsettled !== undefined) this.look()
    if (!isNew || !isSettled) return
    this.#known = found
    onChange()
  }

  #poll(): void {
    this.#cancelPoll = this.#options.clock.after(POLL, () => {
      this.look()
      this.#poll()
    })
  }
}

/** Where a directory cannot be watched, as when the system has too many watches, the polls are enough. */
function watchQuietly(directory: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, onEvent)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}
