import { defaults } from './defaults.ts'
import { Histogram } from './histogram.ts'
import type { Fate, Fates, Figures, Kind, Latencies, SpanView } from './wire.ts'

/** The part of a completed request that the history counts. */
export interface Entry {
  /** When it completed, on the router's clock. */
  readonly at: number
  readonly fate: Fate
  readonly kind: Kind
  /** Duration in milliseconds. */
  readonly time: number
  /** Name of the backend of the last attempt. */
  readonly backend: string | undefined
}

const NO_FATES: Fates = { answered: 0, rescued: 0, failed: 0, refused: 0, left: 0 }

/** The counts of a few seconds. The object is reused for a later span. */
class Span {
  index = Number.NEGATIVE_INFINITY
  /** Number of its last change. */
  change = 0
  fates: Record<Fate, number> = { ...NO_FATES }
  readonly latencies: Readonly<Record<Kind, Histogram>> = { search: new Histogram(), bulk: new Histogram() }
  readonly backends = new Map<string, number>()

  start(index: number): void {
    this.index = index
    this.fates = { ...NO_FATES }
    this.latencies.search.clear()
    this.latencies.bulk.clear()
    this.backends.clear()
  }

  add({ fate, kind, time, backend }: Entry): void {
    this.fates[fate]++
    if (fate === 'answered' || fate === 'rescued') this.latencies[kind].add(time)
    if (backend !== undefined) this.backends.set(backend, (this.backends.get(backend) ?? 0) + 1)
  }
}

/** Counts and latencies of the last minutes, by span. Its memory is fixed, and the cost of a request is constant. */
export class History {
  readonly #spans = Array.from({ length: SPANS }, () => new Span())
  #changes = 0

  /** Number of changes so far. */
  get changes(): number {
    return this.#changes
  }

  add(entry: Entry): void {
    const index = Math.floor(entry.at / defaults.span)
    const span = this.#spans[index % SPANS]
    // The span of this entry is older than the history.
    if (span === undefined || span.index > index) return
    if (span.index < index) span.start(index)
    span.add(entry)
    span.change = ++this.#changes
  }

  /** The spans with changes after this number, oldest first. */
  changedSince(change: number, now: number): SpanView[] {
    return this.#recent(now)
      .filter((span) => span.change > change)
      .sort((a, b) => a.index - b.index)
      .map(({ index, fates, latencies, backends }) => ({
        index,
        fates: { ...fates },
        latencies: viewOf(latencies),
        backends: Object.fromEntries(backends),
      }))
  }

  figures(now: number): Figures {
    const fates = { ...NO_FATES }
    const latencies = { search: new Histogram(), bulk: new Histogram() }
    for (const span of this.#recent(now)) {
      for (const fate of FATES) fates[fate] += span.fates[fate]
      latencies.search.merge(span.latencies.search)
      latencies.bulk.merge(span.latencies.bulk)
    }
    return { rate: this.#rate(now), fates, latencies: viewOf(latencies) }
  }

  /** Requests per second over one span: the current span, and the missing share of the previous one. */
  #rate(now: number): number {
    const at = now / defaults.span
    const index = Math.floor(at)
    const count = (which: number) => {
      const span = this.#spans[which % SPANS]
      return span?.index === which ? FATES.reduce((sum, fate) => sum + span.fates[fate], 0) : 0
    }
    const before = index > 0 ? count(index - 1) : 0
    return ((count(index) + before * (1 - (at - index))) / defaults.span) * 1000
  }

  #recent(now: number): Span[] {
    const last = Math.floor(now / defaults.span)
    return this.#spans.filter(({ index }) => index > last - SPANS)
  }
}

/** One more for the current span, which is incomplete. */
const SPANS = defaults.history / defaults.span + 1
const FATES = ['answered', 'rescued', 'failed', 'refused', 'left'] as const satisfies readonly Fate[]

function viewOf({ search, bulk }: Readonly<Record<Kind, Histogram>>): Latencies {
  return { search: latencyOf(search), bulk: latencyOf(bulk) }
}

function latencyOf(histogram: Histogram): Latencies[Kind] {
  const [p50, p95] = [histogram.percentile(50), histogram.percentile(95)]
  if (p50 === undefined || p95 === undefined) return undefined
  return { count: histogram.count, p50: rounded(p50), p95: rounded(p95) }
}

/** Rounds to 0.1 ms, which keeps the reports short. */
export function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
