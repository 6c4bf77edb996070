import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { RecentLatencies } from './recent-latencies.ts'

interface Latency {
  readonly value: number
  /** When it was observed last, on the clock. */
  readonly at: number
  readonly recent: RecentLatencies
}

/**
 * How long a backend takes, by kind of job: a peak counts at once, and is forgotten with time as better figures come
 * (Finagle's peak EWMA, https://twitter.github.io/finagle/guide/Clients.html#p2c-peakewma).
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
    return this.#latencies.get(kind)?.value
  }

  /** Milliseconds that so many percent of the last jobs of this kind did not exceed; `undefined` when too few are known. */
  percentile(kind: string, percent: number): number | undefined {
    return this.#latencies.get(kind)?.recent.percentile(percent)
  }

  /** A job was done in so long. */
  observe(kind: string, time: number): void {
    this.#learn(kind, time).recent.add(time)
  }

  /** A job has failed after so long: that counts as slow. How long jobs take that are done, it does not say. */
  observeFailure(kind: string, time: number): void {
    this.#learn(kind, Math.max(time, 2 * (this.expected(kind) ?? 0), defaults.failureLatency))
  }

  /** A job was given up after so long: how long it takes, that says only when it is longer than others took. */
  observeAtLeast(kind: string, time: number): void {
    const known = this.#latencies.get(kind)
    if (known === undefined) return
    if (time > known.value) this.#learn(kind, time)
    if (time >= (known.recent.percentile(50) ?? Number.POSITIVE_INFINITY)) known.recent.add(time)
  }

  /** By kind, in milliseconds. */
  get all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#latencies].map(([kind, { value }]) => [kind, value]))
  }

  #learn(kind: string, time: number): Latency {
    const now = this.#clock.now()
    const known = this.#latencies.get(kind)
    const value = known === undefined || time >= known.value ? time : approach(known, time, now)
    const learned = { value, at: now, recent: known?.recent ?? new RecentLatencies() }
    this.#latencies.delete(kind)
    this.#latencies.set(kind, learned)
    const [oldest] = this.#latencies.keys()
    if (this.#latencies.size > defaults.mostKinds && oldest !== undefined) this.#latencies.delete(oldest)
    return learned
  }
}

function approach({ value, at }: Latency, time: number, now: number): number {
  const kept = Math.exp(-(now - at) / defaults.latencyDecay)
  return value * kept + time * (1 - kept)
}
