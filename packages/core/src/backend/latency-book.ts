import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'

interface Latency {
  mean: number
  count: number
  /** By how much the last peak was above the mean. */
  peak: number
  /** When that was, on the clock. */
  peakAt: number
  /** When it was observed last, on the clock. */
  at: number
}

/**
 * How long a backend takes, by kind of job: a mean of the last jobs, and a peak that counts at once and is forgotten with
 * time (after Finagle's peak EWMA, https://twitter.github.io/finagle/guide/Clients.html#p2c-peakewma). Unlike there, only
 * what takes twice as long as it should is a peak: images differ, and the mean says more about the next one than the
 * slowest of late.
 */
export class LatencyBook {
  readonly #clock: Clock
  /** The kind that was observed longest ago is first: names come from clients, and must not fill the memory. */
  readonly #latencies = new Map<string, Latency>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds that a job of this kind takes there; `undefined` when none has been done yet. */
  expected(kind: string): number | undefined {
    const known = this.#latencies.get(kind)
    return known && this.#expectedOf(known)
  }

  observe(kind: string, time: number): void {
    const now = this.#clock.now()
    const known = this.#latencies.get(kind)
    if (known === undefined) {
      this.#keep(kind, { mean: time, count: 1, peak: 0, peakAt: now, at: now })
      return
    }
    const slowest = time > defaults.latencyPeak * known.mean ? Math.max(time, this.#expectedOf(known)) : 0
    // What has not been done for a while counts for less than the first job since.
    const forgotten = 1 - Math.exp(-(now - known.at) / defaults.latencyDecay)
    known.count = Math.min(known.count + 1, defaults.latencyMemory)
    known.mean += (time - known.mean) * Math.max(1 / known.count, forgotten)
    known.at = now
    if (slowest > 0) this.#peak(known, slowest)
    else known.peak /= 2
    this.#keep(kind, known)
  }

  /** A job has failed after so long: that counts as slow. */
  observeFailure(kind: string, time: number): void {
    const now = this.#clock.now()
    const known = this.#latencies.get(kind)
    const slow = Math.max(time, 2 * (this.expected(kind) ?? 0), defaults.failureLatency)
    if (known === undefined) this.#keep(kind, { mean: slow, count: 0, peak: 0, peakAt: now, at: now })
    else this.#peak(known, slow)
  }

  /** By kind, in milliseconds. */
  get all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#latencies].map(([kind, known]) => [kind, this.#expectedOf(known)]))
  }

  #expectedOf({ mean, peak, peakAt }: Latency): number {
    return peak === 0 ? mean : mean + peak * Math.exp(-(this.#clock.now() - peakAt) / defaults.latencyDecay)
  }

  #peak(known: Latency, time: number): void {
    known.peak = Math.max(0, time - known.mean)
    known.peakAt = this.#clock.now()
  }

  #keep(kind: string, latency: Latency): void {
    this.#latencies.delete(kind)
    this.#latencies.set(kind, latency)
    const [oldest] = this.#latencies.keys()
    if (this.#latencies.size > defaults.mostKinds && oldest !== undefined) this.#latencies.delete(oldest)
  }
}
