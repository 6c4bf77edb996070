import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '@immich-ml-router/core'

/** How long the contents must stay the same before a change counts, in milliseconds: a file may be partly written. */
const SETTLE = 100
/**
 * Interval between two checks without an event, in milliseconds. Some file systems send no events, and changes of other
 * files that the configuration refers to send none either.
 */
const POLL = 5_000

export interface FileWatcherOptions {
  /** Reads the contents as text that differs only if the contents differ. It never rejects. */
  readonly read: () => Promise<string>
  /** Called when the contents have changed. */
  readonly onChange: () => void
  readonly clock: Clock
}

/**
 * Watches the contents of a file. It detects a write in place, another file renamed to the path, and a symbolic link that
 * now points elsewhere, as with a ConfigMap in Kubernetes. It compares contents, not modification times.
 */
export class FileWatcher {
  readonly #options: FileWatcherOptions
  readonly #watcher: FSWatcher | undefined
  /** The contents at the last change that was reported. */
  #known: string
  /** New contents that have not been stable for long enough. */
  #unsettled: string | undefined
  #isReading = false
  /** Number of calls of `check`. */
  #requests = 0
  #closed = false
  #cancelCheck: (() => void) | undefined
  #cancelPoll: (() => void) | undefined

  /** @param known The contents that are already in use. */
  constructor(path: string, known: string, options: FileWatcherOptions) {
    this.#options = options
    this.#known = known
    // Only the directory sends an event when another file is renamed to the path.
    this.#watcher = watchQuietly(dirname(path), () => this.check())
    this.#poll()
  }

  /** Compares the contents soon. */
  check(): void {
    this.#requests++
    if (this.#closed || this.#cancelCheck !== undefined || this.#isReading) return
    this.#cancelCheck = this.#options.clock.after(SETTLE, () => void this.#compare())
  }

  close(): void {
    this.#closed = true
    this.#watcher?.close()
    this.#cancelCheck?.()
    this.#cancelPoll?.()
  }

  async #compare(): Promise<void> {
    this.#cancelCheck = undefined
    this.#isReading = true
    const requests = this.#requests
    const { read, onChange } = this.#options
    const found = await read()
    this.#isReading = false
    if (this.#closed) return
    const isNew = found !== this.#known
    const isSettled = found === this.#unsettled
    this.#unsettled = isNew && !isSettled ? found : undefined
    if (this.#requests !== requests || this.#unsettled !== undefined) this.check()
    if (!isNew || !isSettled) return
    this.#known = found
    onChange()
  }

  #poll(): void {
    this.#cancelPoll = this.#options.clock.after(POLL, () => {
      this.check()
      this.#poll()
    })
  }
}

/** @returns `undefined` if the directory cannot be watched; the checks at intervals still work. */
function watchQuietly(directory: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, onEvent)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}
