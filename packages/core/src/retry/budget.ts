import type { Clock } from '../clock.ts'

const BUCKETS = 10

export interface BudgetLimits {
  /** At most this share of the requests … */
  readonly share: number
  /** … of so many milliseconds, … */
  readonly window: number
  /** … but so many are always allowed. */
  readonly least: number
}

/**
 * Keeps what makes backends work twice to a share of the traffic.
 *
 * Where the share of the window's requests is less than one, one is allowed all the same when as many requests have come
 * since the last as one is the share of, however long that took. The first needs none to have come.
 */
export class Budget {
  readonly #clock: Clock
  readonly #limits: BudgetLimits
  readonly #buckets = Array.from({ length: BUCKETS }, () => ({ span: -1, requests: 0, taken: 0 }))
  #sinceLast = Number.POSITIVE_INFINITY

  constructor(clock: Clock, limits: BudgetLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** A request has come. */
  count(): void {
    this.#current().requests++
    this.#sinceLast++
  }

  /** Whether one more may be taken now. */
  get allows(): boolean {
    const { share, least } = this.#limits
    const { span } = this.#current()
    const recent = this.#buckets.filter((bucket) => bucket.span > span - BUCKETS)
    const requests = recent.reduce((sum, bucket) => sum + bucket.requests, 0)
    const taken = recent.reduce((sum, bucket) => sum + bucket.taken, 0)
    const saved = this.#sinceLast * share >= 1 ? 1 : 0
    return taken + 1 <= Math.max(least, saved, requests * share)
  }

  /** @returns Whether one may be taken; if so, it is counted. */
  take(): boolean {
    if (!this.allows) return false
    this.#current().taken++
    this.#sinceLast = 0
    return true
  }

  #current(): { readonly span: number; requests: number; taken: number } {
    const span = Math.floor((this.#clock.now() * BUCKETS) / this.#limits.window)
    const index = span % BUCKETS
    const bucket = this.#buckets[index]
    if (bucket?.span === span) return bucket
    const fresh = { span, requests: 0, taken: 0 }
    this.#buckets[index] = fresh
    return fresh
  }
}
