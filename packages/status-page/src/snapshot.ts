import type { Clock } from '@immich-ml-router/core'
import { defaults } from './defaults.ts'
import { type Reporter, START } from './report.ts'

/** The whole report as JSON, made at most once per interval however often it is asked for. */
export class Snapshot {
  readonly #reporter: Reporter
  readonly #clock: Clock
  #json: string | undefined
  #madeAt = 0

  constructor(reporter: Reporter, clock: Clock) {
    this.#reporter = reporter
    this.#clock = clock
  }

  /** The report of now, or of at most one interval ago. */
  get json(): string {
    const now = this.#clock.now()
    if (this.#json === undefined || now - this.#madeAt >= defaults.interval) {
      this.#json = JSON.stringify(this.#reporter.report(START))
      this.#madeAt = now
    }
    return this.#json
  }
}
