import type { ServerResponse } from 'node:http'
import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { BEGINNING, type Mark, type Reporter } from './report.ts'
import { Viewers } from './viewers.ts'
import type { Report } from './wire.ts'

/** Tells those who look what has changed, once a second, and does nothing while nobody does. */
export class Live {
  readonly #reporter: Reporter
  readonly #clock: Clock
  readonly #viewers = new Viewers(() => this.#rest())
  #mark: Mark = BEGINNING
  #last = ''
  #toldAt = 0
  #cancel: (() => void) | undefined

  constructor(reporter: Reporter, clock: Clock) {
    this.#reporter = reporter
    this.#clock = clock
  }

  /** Whether one more may look. */
  get isFull(): boolean {
    return this.#viewers.isFull
  }

  /** Somebody looks. */
  add(res: ServerResponse): void {
    const whole = this.#reporter.report(BEGINNING)
    this.#viewers.add(res, JSON.stringify(whole))
    if (this.#cancel !== undefined) return
    this.#mark = this.#reporter.mark
    this.#note(whole)
    this.#wait()
  }

  /** Something was done by hand, and whoever did it wants to see it. */
  hurry(): void {
    if (this.#viewers.count > 0) this.#tell()
  }

  /** Tells the last, and sends everybody away. */
  end(): void {
    this.hurry()
    this.#viewers.end()
  }

  #wait(): void {
    this.#cancel = this.#clock.after(defaults.statusInterval, () => {
      this.#tell()
      this.#wait()
    })
  }

  #rest(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #tell(): void {
    // Whoever has just begun to look is told of some of it twice, and every other is told the same.
    const report = this.#reporter.report(this.#mark)
    this.#mark = this.#reporter.mark
    const isNews = report.spans.length > 0 || report.decisions.length > 0 || essenceOf(report) !== this.#last
    // That nothing happens has to be told now and then, or it could be that the router is gone.
    if (!isNews && this.#clock.now() - this.#toldAt < defaults.statusBeat) return
    this.#note(report)
    this.#viewers.tell(JSON.stringify(report))
  }

  #note(report: Report): void {
    this.#last = essenceOf(report)
    this.#toldAt = this.#clock.now()
  }
}

/** What a report says apart from what time it is. */
function essenceOf({ state, active, figures, backends, waiting }: Report): string {
  return JSON.stringify([state, active, figures, backends, waiting])
}
