import type { Router, RouterConfig } from '@immich-ml-router/core'
import { systemClock } from '@immich-ml-router/core/parts'
import type { Logger } from 'pino'
import { ConfigFileError } from './config-file/config-file-error.ts'
import { FileWatcher } from './file-watcher.ts'
import { logWarnings } from './log-warnings.ts'

/** The notice while the file is refused. */
const REFUSED = 'config-refused'

export interface ReloaderOptions {
  readonly router: Router
  readonly logger: Logger
  /** The configuration file. */
  readonly file: string
  /** Reads the configuration file and every file that it refers to. */
  readonly read: () => Promise<RouterConfig>
}

/** The result of the last reload. */
export interface LastReload {
  readonly successful: boolean
  /** Time of the last successful reload or of the start, in milliseconds since 1970. */
  readonly succeededAt: number
}

/** Reloads the configuration of a router when its file changes, and on demand. */
export class Reloader {
  readonly #options: ReloaderOptions
  #watcher: FileWatcher | undefined
  /** The last reload. Reloads run one at a time. */
  #reloading = Promise.resolve()
  #closed = false
  #last: LastReload = { successful: true, succeededAt: Date.now() }

  constructor(options: ReloaderOptions) {
    this.#options = options
  }

  /**
   * Starts to watch the file.
   *
   * @param config The configuration in use. The file may have changed since it was read.
   */
  start(config: RouterConfig): void {
    const { file, read } = this.#options
    this.#watcher = new FileWatcher(file, JSON.stringify(config), {
      clock: systemClock,
      // The parsed configuration includes the files that it refers to. A new mistake also counts as a change.
      read: () => read().then((found) => JSON.stringify(found), String),
      onChange: () => void this.reload(),
    })
    this.#watcher.check()
  }

  /** Reloads the configuration even if the file has not changed. It never rejects; it logs the result. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload())
    return this.#reloading
  }

  /** The result of the last reload; before the first, that of the start. */
  get last(): LastReload {
    return this.#last
  }

  /** Stops watching the file. */
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
      logWarnings(config, logger)
      this.#last = { successful: true, succeededAt: Date.now() }
      router.notices.clear(REFUSED)
    } catch (error) {
      if (this.#closed) return
      this.#last = { ...this.#last, successful: false }
      const message = error instanceof Error ? error.message : String(error)
      const why = error instanceof ConfigFileError ? error.summary : message
      logger.error(`configuration not reloaded, the previous one stays in use: ${why}`)
      router.notices.set({ kind: REFUSED, level: 'error', message: refusal(error, message) })
    }
  }
}

/** The notice about a refused file: its first mistake, and the number of the others. */
function refusal(error: unknown, message: string): string {
  const [first, ...others] = error instanceof ConfigFileError ? error.mistakes : []
  const more = others.length === 0 ? '' : ` The log has ${others.length} more.`
  const why = first === undefined ? oneLine(message) : `${first.text}${more}`
  return `The configuration file was refused, and the previous one stays in use until it is corrected: ${why}`
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
