import type { Clock } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'
import { keepLatest } from '../../keep-latest.ts'

/** What others see of a backend's latencies. Times are in milliseconds. */
export interface LatencyView {
  /** How long a job of this kind takes there, the wait inside it left out; `undefined` when that is not known. */
  expected(kind: string): number | undefined
  /** How long so many percent of the last jobs of this kind took at most; `undefined` when too few are known. */
  percentile(kind: string, percent: number): number | undefined
  /** How long any job takes there: the mean of all kinds; `undefined` when none has been done yet. */
  readonly average: number | undefined
  /** How long the last jobs of this kind took on average; `undefined` when none has been done yet. */
  mean(kind: string): number | undefined
  /** How many times as long jobs take here as there, by the kinds both have done; `undefined` when there are none. */
  ratioTo(other: LatencyView): number | undefined
  /** How long ago a job of this kind was done; of a kind that never was, the first job of any kind. */
  sinceDone(kind: string): number | undefined
  /** By kind. */
  readonly all: Readonly<Record<string, number>>
}

/** Jobs of one kind on one backend. Times are in milliseconds. */
interface Observed {
  mean: number
  /** How many jobs are in it, up to what is remembered. */
  count: number
  /** By how much the last peak was above the mean. */
  peak: number
  /** When that was, on the clock. */
  peakAt: number
  /** When a job was done last, on the clock. */
  at: number
  /** The longest time of a job before which none had been done for a minute: the model may have been loaded. */
  load: number
  readonly recent: RecentLatencies
}

/**
 * How long a backend takes, by kind of job: a mean of the last jobs, and a peak that counts at once and is forgotten with
 * time (after Finagle's peak EWMA, https://twitter.github.io/finagle/guide/Clients.html#p2c-peakewma). Unlike there, only
 * what takes twice as long as it should is a peak: images differ, and the mean says more about the next one than the
 * slowest recent one.
 */
export class LatencyTracker implements LatencyView {
  readonly #clock: Clock
  /** The kind that was observed longest ago is first: names come from clients, and must not fill the memory. */
  readonly #latencies = new Map<string, Observed>()

  /** When the first job was done, on the clock. */
  #since: number | undefined
  /** When a job of any kind was done last, on the clock. */
  #lastDone = Number.NEGATIVE_INFINITY
  /** When the server may have been restarted, on the clock. */
  #coldAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Milliseconds that a job of this kind takes there; `undefined` when none has been done yet, or one a while ago that may
   * have had to load its model, which says nothing about the second.
   */
  expected(kind: string): number | undefined {
    const known = this.#latencies.get(kind)
    if (known === undefined) return undefined
    const { count, mean, at, peak } = known
    const mayHaveLoaded = count === 1 && mean >= defaults.modelLoading
    if (mayHaveLoaded && this.#clock.now() > at + defaults.latencyDecay) return undefined
    return peak === 0 ? mean : this.#expectedOf(known)
  }

  /** Milliseconds since a job of this kind was done; of a kind that never was, since the first job of any kind. */
  sinceDone(kind: string): number | undefined {
    const at = this.#latencies.get(kind)?.at ?? this.#since
    return at === undefined ? undefined : this.#clock.now() - at
  }

  /** How many times as long jobs take here as there, by the kinds that both have done; `undefined` when there are none. */
  ratioTo(other: LatencyView): number | undefined {
    if (other === this) return 1
    let ratios = 0
    let kinds = 0
    for (const [kind, { mean, count }] of this.#latencies) {
      const there = other.mean(kind)
      if (count === 0 || there === undefined || there === 0) continue
      ratios += mean / there
      kinds++
    }
    return kinds === 0 ? undefined : ratios / kinds
  }

  mean(kind: string): number | undefined {
    const known = this.#latencies.get(kind)
    return known === undefined || known.count === 0 ? undefined : known.mean
  }

  /** Whether a job of this kind was done in the minute before this time, on the clock: then its model is loaded. */
  isWarm(kind: string, at: number): boolean {
    const known = this.#latencies.get(kind)
    return known !== undefined && known.count > 0 && at - known.at <= WARM && known.at > this.#coldAt
  }

  /** The server may have been restarted at this time, on the clock: models that were used before are not loaded. */
  cool(at: number): void {
    this.#coldAt = at
  }

  /** The models of this kind were loaded by a canary. */
  loaded(kind: string): void {
    const known = this.#latencies.get(kind)
    if (known !== undefined) known.at = this.#clock.now()
  }

  /** Whether a job was done after this time, on the clock. @param kind Of any kind, when not given. */
  hasDoneSince(at: number, kind?: string): boolean {
    if (kind === undefined) return this.#lastDone > at
    const known = this.#latencies.get(kind)
    return known !== undefined && known.count > 0 && known.at > at
  }

  /** The longest time in milliseconds that a job took which may have had to load its model; 0 when none is known. */
  longestLoad(kind: string): number {
    return this.#latencies.get(kind)?.load ?? 0
  }

  /** Milliseconds that so many percent of the last jobs of this kind did not exceed; `undefined` when too few are known. */
  percentile(kind: string, percent: number): number | undefined {
    return this.#latencies.get(kind)?.recent.percentile(percent)
  }

  /** Milliseconds that any job takes there: the mean of all kinds; `undefined` when none has been done yet. */
  get average(): number | undefined {
    let sum = 0
    let kinds = 0
    for (const { mean, count } of this.#latencies.values()) {
      if (count === 0) continue
      sum += mean
      kinds++
    }
    return kinds === 0 ? undefined : sum / kinds
  }

  /**
   * A job was done.
   *
   * @param taken How long that took, in milliseconds.
   * @param crowding How many times as long that is as it would have been if it had not waited inside.
   */
  observe(kind: string, taken: number, crowding = 1): void {
    const now = this.#clock.now()
    const time = taken / crowding
    const known = this.#known(kind, time)
    const isPeak = time > defaults.latencyPeak * known.mean
    // What has not been done for a while counts for less than the first job since, unless that had to load its model.
    const forgotten = isPeak ? 0 : 1 - Math.exp(-(now - known.at) / defaults.latencyDecay)
    const first = known.count === 1 ? known.mean : 0
    const highest = isPeak ? Math.max(time, this.#expectedOf(known)) : 0
    known.count = Math.min(known.count + 1, defaults.latencyMemory)
    if (known.count === 1 || now - taken - known.at > WARM) known.load = Math.max(known.load, taken)
    known.mean += (time - known.mean) * Math.max(1 / known.count, forgotten)
    known.at = now
    this.#lastDone = now
    known.recent.add(taken)
    if (isPeak) this.#peak(known, highest)
    else if (first > defaults.latencyPeak * time) {
      // It was the first that was a peak.
      known.mean = time
      this.#peak(known, first)
    } else known.peak /= 2
  }

  /** A job has failed after so long: that counts as slow. How long jobs take that are done, it does not say. */
  observeFailure(kind: string, time: number): void {
    const mean = this.#latencies.get(kind)?.mean ?? 0
    // Of the mean, and not of what is expected by now: many that fail at once do not make it slower and slower.
    const slow = Math.max(time, 2 * mean, defaults.failureLatency)
    this.#peak(this.#known(kind, slow), slow)
  }

  /** Forgets peaks, and what has only ever failed: it is kept away by other means, and is as it was when it is back. */
  forgetPeaks(): void {
    for (const [kind, known] of this.#latencies) {
      known.peak = 0
      if (known.count === 0) this.#latencies.delete(kind)
    }
  }

  /** A job was given up after so long: how long it takes, that says only when it is longer than others took. */
  observeAtLeast(kind: string, time: number): void {
    const known = this.#latencies.get(kind)
    if (known === undefined) return
    if (time > this.#expectedOf(known)) this.#peak(known, time)
    if (time >= (known.recent.percentile(50) ?? Number.POSITIVE_INFINITY)) known.recent.add(time)
  }

  /** By kind, in milliseconds. */
  get all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#latencies].map(([kind, known]) => [kind, this.#expectedOf(known)]))
  }

  #expectedOf({ mean, peak, peakAt }: Observed): number {
    return peak === 0 ? mean : mean + peak * Math.exp(-(this.#clock.now() - peakAt) / defaults.latencyDecay)
  }

  #peak(known: Observed, time: number): void {
    known.peak = Math.max(0, time - known.mean)
    known.peakAt = this.#clock.now()
  }

  /** What is known of a kind, which is now the one that was observed last; for a new one, this time. */
  #known(kind: string, time: number): Observed {
    const now = this.#clock.now()
    this.#since ??= now
    const known = this.#latencies.get(kind) ?? {
      mean: time,
      count: 0,
      peak: 0,
      peakAt: now,
      at: now,
      load: 0,
      recent: new RecentLatencies(),
    }
    keepLatest(this.#latencies, kind, known, defaults.mostKinds)
    return known
  }
}

/** A model stays loaded for so long, in milliseconds, and for longer. */
const WARM = 60_000

/**
 * The last latencies of one kind of job, for their percentiles: few enough to be sorted when these are asked for, and to
 * forget soon how a backend was before.
 */
class RecentLatencies {
  readonly #times: number[] = []
  #next = 0

  add(time: number): void {
    this.#times[this.#next] = time
    this.#next = (this.#next + 1) % defaults.latencySamples
  }

  /**
   * The time, in milliseconds, that so many percent of them did not exceed, by nearest rank; `undefined` as long as there
   * are too few to tell.
   */
  percentile(percent: number): number | undefined {
    const { length } = this.#times
    if (length < defaults.fewestSamples) return undefined
    return Float64Array.from(this.#times).sort()[Math.ceil((percent * length) / 100) - 1]
  }
}
