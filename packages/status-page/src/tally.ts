import { Histogram } from './histogram.ts'
import type { Fate, Fates, JobKind, Latencies, LatencyView } from './wire.ts'

/** The part of a completed request that is counted. Times are on the router's clock, in milliseconds. */
export interface Entry {
  /** When it completed. */
  readonly at: number
  readonly fate: Fate
  readonly kind: JobKind
  /** From its arrival to the end of the answer. */
  readonly time: number
  readonly route: string | undefined
  /** Name of the backend of the last attempt. */
  readonly backend: string | undefined
}

/** The part of an attempt that is counted. */
export interface AttemptEntry {
  /** When it ended. */
  readonly at: number
  readonly backend: string
  readonly kind: JobKind
  /** Its duration, if it was answered well. */
  readonly time: number | undefined
  /** The verdict, or the cause of the failure, if the backend or the job was not good. */
  readonly fault: string | undefined
}

/** How a backend was used for a while. Times are in milliseconds. */
export interface UsedFor {
  /** With at least one request in flight; of several endpoints, the mean. */
  readonly busy: number
  /** Multiplied by requests in flight / limit. */
  readonly load: number
  /** The limit of all endpoints at the end; `undefined` without a limit. */
  readonly limit: number | undefined
}

export const NO_FATES: Fates = { answered: 0, rescued: 0, 'job-failed': 0, failed: 0, refused: 0, left: 0 }
const FATES = [
  'answered',
  'rescued',
  'job-failed',
  'failed',
  'refused',
  'left',
] as const satisfies readonly Fate[]
const KINDS = ['search', 'indexing', 'faces', 'ocr', 'other'] as const satisfies readonly JobKind[]

/** Counts of a stretch of time: of a span, or of the spans of a window together. */
export class Tally {
  readonly fates: Record<Fate, number> = { ...NO_FATES }
  readonly latencies = new LatencyTally()
  readonly backends = new Map<string, BackendTally>()
  readonly routes = new Map<string, RouteTally>()
  /** Time over which the use of the backends is known. */
  sampled = 0

  get total(): number {
    return FATES.reduce((sum, fate) => sum + this.fates[fate], 0)
  }

  add({ fate, kind, time, backend, route }: Entry): void {
    this.fates[fate]++
    if (fate === 'answered' || fate === 'rescued') this.latencies.add(kind, time)
    if (backend !== undefined) this.backendOf(backend).jobs++
    if (route !== undefined) this.#routeOf(route).add(1, fate === 'failed' || fate === 'refused' ? 1 : 0)
  }

  addAttempt({ backend, kind, time, fault }: AttemptEntry): void {
    const tally = this.backendOf(backend)
    if (time !== undefined) tally.latencies.add(kind, time)
    if (fault !== undefined) tally.addVerdict(fault, 1)
  }

  addUse(time: number, backends: ReadonlyMap<string, UsedFor>): void {
    this.sampled += time
    for (const [name, use] of backends) {
      // A backend that was never used needs no counts.
      if (use.busy > 0 || this.backends.has(name)) this.backendOf(name).addUse(use)
    }
  }

  merge(other: Tally): void {
    for (const fate of FATES) this.fates[fate] += other.fates[fate]
    this.latencies.merge(other.latencies)
    this.sampled += other.sampled
    for (const [name, tally] of other.backends) this.backendOf(name).merge(tally)
    for (const [name, { jobs, failed }] of other.routes) this.#routeOf(name).add(jobs, failed)
  }

  backendOf(name: string): BackendTally {
    return entryOf(this.backends, name, () => new BackendTally())
  }

  #routeOf(name: string): RouteTally {
    return entryOf(this.routes, name, () => new RouteTally())
  }
}

/** Counts of one backend. */
export class BackendTally {
  jobs = 0
  busy = 0
  load = 0
  limit: number | undefined
  readonly latencies = new LatencyTally()
  readonly verdicts = new Map<string, number>()

  addVerdict(verdict: string, count: number): void {
    this.verdicts.set(verdict, (this.verdicts.get(verdict) ?? 0) + count)
  }

  addUse({ busy, load, limit }: UsedFor): void {
    this.busy += busy
    this.load += load
    this.limit = limit
  }

  merge(other: BackendTally): void {
    this.jobs += other.jobs
    this.busy += other.busy
    this.load += other.load
    this.latencies.merge(other.latencies)
    for (const [verdict, count] of other.verdicts) this.addVerdict(verdict, count)
  }
}

export class RouteTally {
  jobs = 0
  failed = 0

  add(jobs: number, failed: number): void {
    this.jobs += jobs
    this.failed += failed
  }
}

/** Durations by kind of job. */
export class LatencyTally {
  readonly #kinds = new Map<JobKind, Histogram>()

  add(kind: JobKind, time: number): void {
    this.#of(kind).add(time)
  }

  merge(other: LatencyTally): void {
    for (const [kind, histogram] of other.#kinds) this.#of(kind).merge(histogram)
  }

  /** By kind, in a fixed order; without kinds that had no job. */
  get view(): Latencies {
    const views: { [kind in JobKind]?: LatencyView } = {}
    for (const kind of KINDS) {
      const histogram = this.#kinds.get(kind)
      const [p50, p95] = [histogram?.percentile(50), histogram?.percentile(95)]
      if (histogram !== undefined && p50 !== undefined && p95 !== undefined)
        views[kind] = { count: histogram.count, p50: rounded(p50), p95: rounded(p95) }
    }
    return views
  }

  #of(kind: JobKind): Histogram {
    return entryOf(this.#kinds, kind, () => new Histogram())
  }
}

/** The value of a key, which is made when the map has none. */
function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

/** Rounds to 0.1 ms, which keeps the reports short. */
export function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
