import { defaults } from './defaults.ts'
import { type AttemptEntry, type Entry, Tally } from './tally.ts'
import type { Use } from './use-meter.ts'
import { shareOf, Window } from './window.ts'
import type { SpanBackend, SpanView } from './wire.ts'

/** The counts of a few seconds. */
class Span extends Tally {
  readonly index: number
  /** Number of its last change. */
  change = 0

  constructor(index: number) {
    super()
    this.index = index
  }
}

/** The sum of the spans of a window that seldom change: all but the last two. */
interface Settled {
  readonly last: number
  readonly lateChanges: number
  readonly tally: Tally
}

/** Counts and latencies of the last minutes, by span. The cost of a request is constant. */
export class History {
  /** By index modulo {@link SPANS}. */
  readonly #spans: (Span | undefined)[] = []
  readonly #since: number
  #changes = 0
  #newest = Number.NEGATIVE_INFINITY
  /** Number of changes of settled spans, such as by an attempt that ended long before its request. */
  #lateChanges = 0
  /** By number of spans: a report each second must not add up 15 minutes each time. */
  readonly #settled = new Map<number, Settled>()

  /** @param since Start of the recording, on the router's clock. */
  constructor(since: number) {
    this.#since = since
  }

  /** Number of changes so far. */
  get changes(): number {
    return this.#changes
  }

  /** Counts a completed request. */
  add(entry: Entry): void {
    this.#changed(entry.at)?.add(entry)
  }

  /** Counts a completed attempt. The view of a span has none, so this is no change of it. */
  addAttempt(entry: AttemptEntry): void {
    this.#spanOf(entry.at)?.addAttempt(entry)
  }

  /** Adds how the backends were used since the last time. */
  addUse({ from, time, backends }: Use): void {
    const isUsed = [...backends.values()].some(({ busy }) => busy > 0)
    const span = isUsed ? this.#changed(from) : this.#spanOf(from)
    span?.addUse(time, backends)
  }

  /** The spans with changes after this number, oldest first. */
  changedSince(change: number, now: number): SpanView[] {
    return this.#recent(now, SPANS)
      .filter((span) => span.change > change)
      .sort((a, b) => a.index - b.index)
      .map(viewOf)
  }

  /**
   * The requests of the last minutes.
   *
   * @param longest Its length in milliseconds; the current span is incomplete, so it is up to 10 s shorter.
   */
  window(now: number, longest: number): Window {
    const spans = longest / defaults.span
    const last = Math.floor(now / defaults.span)
    const first = (last - spans + 1) * defaults.span
    const tally = new Tally()
    tally.merge(this.#settledUntil(last, spans))
    for (const span of this.#recent(now, RECENT)) tally.merge(span)
    return new Window(tally, Math.max(0, now - Math.max(first, this.#since)))
  }

  /** The span of a time, which changes; `undefined` if it is older than the history. */
  #changed(at: number): Span | undefined {
    const span = this.#spanOf(at)
    if (span !== undefined) span.change = ++this.#changes
    return span
  }

  #spanOf(at: number): Span | undefined {
    const index = Math.floor(at / defaults.span)
    this.#newest = Math.max(this.#newest, index)
    if (index <= this.#newest - RECENT) this.#lateChanges++
    const known = this.#spans[index % SPANS]
    if (known !== undefined && known.index >= index) return known.index === index ? known : undefined
    const span = new Span(index)
    this.#spans[index % SPANS] = span
    return span
  }

  /** The spans of a window without the last two. */
  #settledUntil(last: number, count: number): Tally {
    const known = this.#settled.get(count)
    const lateChanges = this.#lateChanges
    if (known?.last === last && known.lateChanges === lateChanges) return known.tally
    const tally = new Tally()
    for (const span of this.#spans) {
      if (span !== undefined && span.index > last - count && span.index <= last - RECENT) tally.merge(span)
    }
    this.#settled.set(count, { last, lateChanges, tally })
    return tally
  }

  #recent(now: number, count: number): Span[] {
    const last = Math.floor(now / defaults.span)
    return this.#spans.flatMap((span) => (span !== undefined && span.index > last - count ? span : []))
  }
}

/** Spans at the end of a window that change. */
const RECENT = 2
/** One more for the current span, which is incomplete. */
const SPANS = defaults.history / defaults.span + 1

function viewOf({ index, fates, latencies, backends, sampled }: Span): SpanView {
  const views: Record<string, SpanBackend> = {}
  for (const [name, { jobs, busy, limit }] of backends) {
    if (jobs > 0 || busy > 0) views[name] = { jobs, busy: shareOf(busy, sampled), limit }
  }
  return { index, fates: { ...fates }, latencies: latencies.view, backends: views }
}
