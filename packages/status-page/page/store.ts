import type { BucketView, DecisionView, EventView, Limits, Report, RunView, SpanView } from '../src/wire.ts'

const NO_LIMITS: Limits = {
  decisions: 0,
  troubles: 0,
  spans: 1,
  span: 1,
  runs: 0,
  events: 0,
  day: 0,
  bucket: 1,
}

/** The state that the reports add up to. */
export class Store {
  readonly #spans = new Map<number, SpanView>()
  #decisions: DecisionView[] = []
  #troubles: DecisionView[] = []
  /** By start. */
  readonly #runs = new Map<number, RunView>()
  /** By start. */
  readonly #day = new Map<number, BucketView>()
  #events: EventView[] = []
  #report: Report | undefined

  get limits(): Limits {
    return this.#report?.limits ?? NO_LIMITS
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

  /** The current run, if any, and the finished ones, newest first. */
  get runs(): readonly RunView[] {
    return [...this.#runs.values()].reverse()
  }

  /** The last 24 hours, without empty buckets, oldest first. */
  get day(): readonly BucketView[] {
    return [...this.#day.values()]
  }

  /** The events of the last 24 hours, oldest first. */
  get events(): readonly EventView[] {
    return this.#events
  }

  take(report: Report): void {
    if (report.whole) {
      this.#spans.clear()
      this.#runs.clear()
      this.#day.clear()
      this.#events = []
      this.#decisions = []
      this.#troubles = []
    }
    this.#report = report
    this.#takeHistory(report)
    for (const span of report.spans) this.#spans.set(span.index, span)
    const oldest = this.lastSpan(report.now) - this.limits.spans
    for (const index of this.#spans.keys()) if (index <= oldest) this.#spans.delete(index)
    const newest = this.#decisions[0]?.id ?? 0
    // A page that connected between two reports gets some decisions twice.
    const news = report.decisions.filter(({ id }) => id > newest).reverse()
    this.#decisions = [...news, ...this.#decisions].slice(0, this.limits.decisions)
    this.#troubles = [...news.filter(isTrouble), ...this.#troubles].slice(0, this.limits.troubles)
  }

  #takeHistory({ runs, day, events, wall }: Report): void {
    const { limits } = this
    for (const run of runs) this.#runs.set(run.start, run)
    const [first] = this.#runs.keys()
    if (first !== undefined && this.#runs.size > limits.runs + 1) this.#runs.delete(first)
    for (const bucket of day) this.#day.set(bucket.at, bucket)
    const oldest = wall - limits.day
    for (const at of this.#day.keys()) if (at + limits.bucket <= oldest) this.#day.delete(at)
    const last = this.#events.at(-1)?.id ?? 0
    const news = events.filter(({ id }) => id > last)
    this.#events = [...this.#events, ...news].filter(({ at }) => at > oldest).slice(-limits.events)
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
