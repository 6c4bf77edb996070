import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'

const BUCKETS = 10

/**
 * Keeps retries to a share of the traffic, so that a pool that fails is not fed its own failures: at most 20 % of the
 * requests of the last 10 s, but never fewer than 3.
 */
export class RetryBudget {
  readonly #clock: Clock
  readonly #buckets = Array.from({ length: BUCKETS }, () => ({ span: -1, requests: 0, retries: 0 }))

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A request has come. */
  count(): void {
    this.#current().requests++
  }

  /** @returns Whether a retry may be made; if so, it is counted. */
  take(): boolean {
    const current = this.#current()
    const recent = this.#buckets.filter(({ span }) => span > current.span - BUCKETS)
    const requests = recent.reduce((sum, bucket) => sum + bucket.requests, 0)
    const retries = recent.reduce((sum, bucket) => sum + bucket.retries, 0)
    const allowed = Math.max(defaults.retryBudgetMin, requests * defaults.retryBudgetShare)
    if (retries + 1 > allowed) return false
    current.retries++
    return true
  }

  #current(): { span: number; requests: number; retries: number } {
    const span = Math.floor((this.#clock.now() * BUCKETS) / defaults.retryBudgetWindow)
    const index = span % BUCKETS
    const bucket = this.#buckets[index]
    if (bucket?.span === span) return bucket
    const fresh = { span, requests: 0, retries: 0 }
    this.#buckets[index] = fresh
    return fresh
  }
}
