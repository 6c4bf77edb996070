import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'

interface Latency {
  value: number
  /** When it was observed last, on the clock. */
  at: number
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

  observe(kind: string, time: number): void {
    const now = this.#clock.now()
    const known = this.#latencies.get(kind)
    const value = known === undefined || time >= known.value ? time : approach(known, time, now)
    this.#latencies.delete(kind)
    this.#latencies.set(kind, { value, at: now })
    const [oldest] = this.#latencies.keys()
    if (this.#latencies.size > defaults.mostKinds && oldest !== undefined) this.#latencies.delete(oldest)
  }

  /** A job has failed after so long: that counts as slow. */
  observeFailure(kind: string, time: number): void {
    this.observe(kind, Math.max(time, 2 * (this.expected(kind) ?? 0), defaults.failureLatency))
  }

  /** By kind, in milliseconds. */
  get all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#latencies].map(([kind, { value }]) => [kind, value]))
  }
}

function approach({ value, at }: Latency, time: number, now: number): number {
  const kept = Math.exp(-(now - at) / defaults.latencyDecay)
  return value * kept + time * (1 - kept)
}
