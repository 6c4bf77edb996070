import type { DecisionView, Limits, Report, SpanView } from '../src/wire.ts'

/** The state that the reports add up to. */
export class Store {
  readonly #spans = new Map<number, SpanView>()
  #decisions: DecisionView[] = []
  #troubles: DecisionView[] = []
  #report: Report | undefined

  get limits(): Limits {
    return this.#report?.limits ?? { decisions: 0, troubles: 0, spans: 1, span: 1 }
  }

  /** The last report. Its lists may contain only changes. */
  get report(): Report | undefined {
    return this.#report
  }

  /** Newest first. */
  get decisions(): readonly DecisionView[] {
    return this.#decisions
  }

  /** Decisions other than `answered`, newest first. Some are older than all of `decisions`. */
  get troubles(): readonly DecisionView[] {
    return this.#troubles
  }

  take(report: Report): void {
    if (report.whole) {
      this.#spans.clear()
      this.#decisions = []
      this.#troubles = []
    }
    this.#report = report
    for (const span of report.spans) this.#spans.set(span.index, span)
    const oldest = this.lastSpan(report.now) - this.limits.spans
    for (const index of this.#spans.keys()) if (index <= oldest) this.#spans.delete(index)
    const newest = this.#decisions[0]?.id ?? 0
    // A page that connected between two reports gets some decisions twice.
    const news = report.decisions.filter(({ id }) => id > newest).reverse()
    this.#decisions = [...news, ...this.#decisions].slice(0, this.limits.decisions)
    this.#troubles = [...news.filter(isTrouble), ...this.#troubles].slice(0, this.limits.troubles)
  }

  /** Index of the span of a time. */
  lastSpan(now: number): number {
    return Math.floor(now / this.limits.span)
  }

  /** All spans of the plots, oldest first; `undefined` for a span without requests. */
  spansUntil(now: number): (SpanView | undefined)[] {
    const last = this.lastSpan(now)
    const first = last - this.limits.spans + 1
    return Array.from({ length: this.limits.spans }, (_, i) => this.#spans.get(first + i))
  }
}

function isTrouble({ fate }: DecisionView): boolean {
  return fate !== 'answered'
}
