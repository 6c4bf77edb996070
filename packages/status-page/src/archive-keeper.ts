import type { Clock, Router } from '@immich-ml-router/core'
import { Archive } from './archive.ts'
import { watchEvents } from './event-log.ts'
import { HistoryFile } from './history-file.ts'

/** The notice while the history cannot be saved. */
const NOTICE = 'history-file'

export interface ArchiveKeeperOptions {
  readonly clock: Clock
  /** Path of the history file; without it, a restart forgets the history. */
  readonly path: string | undefined
  readonly onProblem: ((message: string) => void) | undefined
}

/** The archive of a router: restored from its file at the start, and saved to it. */
export class ArchiveKeeper {
  readonly archive = new Archive({ onChange: () => this.#file?.changed() })
  readonly #file: HistoryFile | undefined
  readonly #stopListening: () => void

  constructor(router: Pick<Router, 'on' | 'notices'>, { clock, path, onProblem }: ArchiveKeeperOptions) {
    if (path !== undefined) {
      const file = new HistoryFile({
        path,
        clock,
        record: () => this.archive.record,
        onIgnored: (reason) => onProblem?.(reason),
        onProblem: (problem) => {
          if (problem === undefined) router.notices.clear(NOTICE)
          else {
            router.notices.set({ kind: NOTICE, level: 'warning', message: problem })
            onProblem?.(problem)
          }
        },
      })
      const record = file.load()
      if (record !== undefined) this.archive.restore(record)
      this.#file = file
    }
    this.archive.note({ kind: 'started' })
    this.#stopListening = watchEvents(router, (event) => this.archive.note(event))
  }

  /** Saves the history, and stops. Resolves when no file is in use. */
  async close(): Promise<void> {
    this.#stopListening()
    await this.#file?.close()
  }
}
