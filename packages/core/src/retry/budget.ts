import type { Clock } from '../clock.ts'

const BUCKETS = 10

export interface BudgetLimits {
  /** Share of the requests in the window that may be taken. */
  readonly share: number
  /** In milliseconds. */
  readonly window: number
  /** Number that may always be taken in a window. */
  readonly least: number
}

/**
 * Limits retries or hedges to a share of the traffic. One is also allowed when enough requests have arrived since the last
 * one to earn it, however long that took; the first is always earned.
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

  /** Counts a request. */
  count(): void {
    this.#current().requests++
    this.#sinceLast++
  }

  /** Whether another may be taken now. */
  get allows(): boolean {
    const { share, least } = this.#limits
    const { span } = this.#current()
    const recent = this.#buckets.filter((bucket) => bucket.span > span - BUCKETS)
    const requests = recent.reduce((sum, bucket) => sum + bucket.requests, 0)
    const taken = recent.reduce((sum, bucket) => sum + bucket.taken, 0)
    const earned = this.#sinceLast * share >= 1 ? 1 : 0
    return taken + 1 <= Math.max(least, earned, requests * share)
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
