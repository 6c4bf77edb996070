import type { Clock, Router, RouterConfig } from '@immich-ml-router/core'
import type { Logger } from 'pino'
import { FileWatcher } from './file-watcher.ts'

export interface ReloaderOptions {
  readonly router: Router
  readonly logger: Logger
  /** The file that the configuration is in. */
  readonly file: string
  /** Reads the configuration anew, with all that it refers to. */
  readonly read: () => Promise<RouterConfig>
}

/** What became of the last reading of the file. */
export interface LastReload {
  readonly successful: boolean
  /** When the router was last told to go by the file, in milliseconds since 1970. */
  readonly succeededAt: number
}

/** Has a router go by what is in its file, when that changes and when it is told to. */
export class Reloader {
  readonly #options: ReloaderOptions
  #watcher: FileWatcher | undefined
  /** One after the other, in order. */
  #reloading = Promise.resolve()
  #closed = false
  #last: LastReload = { successful: true, succeededAt: Date.now() }

  constructor(options: ReloaderOptions) {
    this.#options = options
  }

  /**
   * Looks at the file from now on.
   *
   * @param config What the router goes by: the file may have changed since that was read.
   */
  start(config: RouterConfig): void {
    const { file, read } = this.#options
    this.#watcher = new FileWatcher(file, JSON.stringify(config), {
      clock,
      // With what it refers to. A mistake is told of when it is another.
      read: () => read().then((found) => JSON.stringify(found), String),
      onChange: () => void this.reload(),
    })
    this.#watcher.look()
  }

  /** Reads the configuration anew, whether its file has changed or not. It never rejects: the log tells what became of it. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload())
    return this.#reloading
  }

  /** Up to the first, the reading at the start. */
  get last(): LastReload {
    return this.#last
  }

  /** Ends the looking at the file. */
  close(): void {
    this.#closed = true
    this.#watcher?.close()
  }

  async #reload(): Promise<void> {
    const { router, logger, read } = this.#options
    try {
      const config = await read()
      if (this.#closed) return
      router.reload(config)
      this.#last = { successful: true, succeededAt: Date.now() }
    } catch (error) {
      if (this.#closed) return
      this.#last = { ...this.#last, successful: false }
      const why = error instanceof Error ? error.message : String(error)
      logger.error(`not reloaded, the configuration stays as it was: ${why}`)
    }
  }
}

const clock: Clock = {
  now: () => performance.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
