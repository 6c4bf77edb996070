import type { ServerResponse } from 'node:http'
import type { Clock } from '@immich-ml-router/core'
import { defaults } from './defaults.ts'
import { type Mark, type Reporter, START } from './report.ts'
import { Viewers } from './viewers.ts'
import type { Report } from './wire.ts'

/** Sends changes to all viewers once a second. Without viewers it has no timer. */
export class Live {
  readonly #reporter: Reporter
  readonly #clock: Clock
  readonly #viewers = new Viewers(() => this.#stop())
  #mark: Mark = START
  /** The state in the last report. */
  #lastState = ''
  #sentAt = 0
  #cancel: (() => void) | undefined

  constructor(reporter: Reporter, clock: Clock) {
    this.#reporter = reporter
    this.#clock = clock
  }

  get isFull(): boolean {
    return this.#viewers.isFull
  }

  /** Adds a viewer, which gets a whole report at once. */
  add(res: ServerResponse): void {
    const whole = this.#reporter.report(START)
    this.#viewers.add(res, JSON.stringify(whole))
    if (this.#cancel !== undefined) return
    this.#mark = this.#reporter.mark
    this.#sent(whole)
    this.#schedule()
  }

  /** Reports changes at once, such as the result of an admin action. */
  flush(): void {
    if (this.#viewers.count > 0) this.#send()
  }

  /** Sends the last changes and ends every viewer's response. */
  end(): void {
    this.flush()
    this.#viewers.end()
  }

  #schedule(): void {
    this.#cancel = this.#clock.after(defaults.interval, () => {
      this.#send()
      this.#schedule()
    })
  }

  #stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #send(): void {
    // All viewers get the same report, so a new viewer gets some decisions twice. The page skips them by id.
    const report = this.#reporter.report(this.#mark)
    this.#mark = this.#reporter.mark
    const { spans, decisions, runs, day, events } = report
    const hasChanged =
      [spans, decisions, runs, day, events].some(({ length }) => length > 0) ||
      stateOf(report) !== this.#lastState
    // Without a report now and then, the page could not tell an idle router from a lost one.
    if (!hasChanged && this.#clock.now() - this.#sentAt < defaults.beat) return
    this.#sent(report)
    this.#viewers.send(JSON.stringify(report))
  }

  #sent(report: Report): void {
    this.#lastState = stateOf(report)
    this.#sentAt = this.#clock.now()
  }
}

/** The parts of a report that do not change by time alone. */
function stateOf({ state, notices, active, backends, routes, waiting }: Report): string {
  const states = backends.map(({ minute: _, quarter: __, ...rest }) => rest)
  return JSON.stringify([state, notices, active, states, routes.map(({ words }) => words), waiting])
}
