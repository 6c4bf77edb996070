import type { Clock } from '../clock.ts'
import { removeItem } from '../remove-item.ts'
import type { CanaryJob } from './canary-job.ts'

/** What a canary has found. */
export type CanaryResult =
  /** The backend works: what failed before the canary began was at fault itself. */
  | { readonly kind: 'passed' }
  /** The backend cannot be reached, or fails: at everything, at such tasks and types, or at exactly these entries. */
  | {
      readonly kind: 'failed'
      readonly scope: 'unreachable' | 'backend' | 'type' | 'entries'
      readonly reason: string
    }
  /** Nothing: the backend was busy, or canaries are stopped. */
  | { readonly kind: 'unknown' }

/** Sends one canary. It never rejects. */
export type SendCanary = (job: CanaryJob, signal: AbortSignal) => Promise<CanaryResult>

/** A canary that someone waits for. */
export interface CanaryCheck {
  /** Resolves when the canary is over; it never rejects. */
  readonly result: Promise<CanaryResult>
  /** Stops waiting. A canary without waiting requests is cancelled. */
  leave(): void
}

/** Canaries take at most this share of a backend's time. */
const SHARE = 0.2
/** The time in milliseconds that canaries may take at once, after a while without any. */
const BURST = 2_000
/** By how much longer they may take before the next one waits, in milliseconds: one without an answer is no work of the backend. */
const MOST_DEBT = 2_000

/** What a cancelled canary takes at least, in milliseconds. */
const CANCELLED_COST = 500

/** Canaries that have ended. */
export interface CanaryCounts {
  readonly passed: number
  readonly failed: number
}

export const UNKNOWN: CanaryResult = { kind: 'unknown' }

/** Where no canary can be sent. */
export const NO_CANARY: CanaryCheck = { result: Promise.resolve(UNKNOWN), leave: () => {} }

interface Run {
  readonly job: CanaryJob
  readonly cancelled: AbortController
  readonly result: Promise<CanaryResult>
  readonly resolve: (result: CanaryResult) => void
  waiters: number
}

/** Runs canaries on one backend, one after the other, within a share of its time. */
export class Canary {
  readonly #clock: Clock
  #send: SendCanary | undefined
  #current: Run | undefined
  /** Those that have not begun: each covers every failure of its entries until then. */
  readonly #waiting: Run[] = []
  #passed = 0
  #failed = 0
  /** The time that canaries may take, in milliseconds, as it was at `#since`. */
  #allowance = BURST
  #since: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.now()
  }

  /** @param send Sends one canary to the backend. */
  start(send: SendCanary): void {
    this.#send = send
  }

  /**
   * Runs a canary that starts after this call, so its result covers every earlier failure of the same entries. Before
   * {@link Canary.start}, nothing is known.
   */
  check(job: CanaryJob): CanaryCheck {
    if (this.#send === undefined) return NO_CANARY
    const run = this.#waiting.find(({ job: { exact } }) => exact === job.exact) ?? this.#add(job)
    run.waiters++
    this.#startNext()
    let hasLeft = false
    const leave = () => {
      if (hasLeft) return
      hasLeft = true
      if (--run.waiters === 0) this.#cancel(run)
    }
    return { result: run.result, leave }
  }

  get counts(): CanaryCounts {
    return { passed: this.#passed, failed: this.#failed }
  }

  /** How long a canary that need not be sent at once should wait, in milliseconds. */
  get pause(): number {
    return Math.max(0, -this.#allowed() / SHARE)
  }

  /** Ends the canaries that run. */
  stop(): void {
    this.#send = undefined
    this.#current?.cancelled.abort()
    for (const run of [...this.#waiting]) this.#cancel(run)
  }

  #cancel(run: Run): void {
    run.cancelled.abort()
    if (run === this.#current) return
    removeItem(this.#waiting, run)
    run.resolve(UNKNOWN)
  }

  #add(job: CanaryJob): Run {
    const { promise: result, resolve } = Promise.withResolvers<CanaryResult>()
    const run = { job, cancelled: new AbortController(), result, resolve, waiters: 0 }
    this.#waiting.push(run)
    return run
  }

  #startNext(): void {
    if (this.#current !== undefined) return
    const run = this.#waiting.shift()
    if (run === undefined) return
    this.#current = run
    this.#run(run).then((result) => {
      this.#current = undefined
      run.resolve(result)
      this.#startNext()
    })
  }

  async #run({ job, cancelled: { signal } }: Run): Promise<CanaryResult> {
    const send = this.#send
    if (signal.aborted || send === undefined) return UNKNOWN
    const start = this.#clock.now()
    // A bug must not keep a request waiting.
    const result = await send(job, signal).catch((): CanaryResult => UNKNOWN)
    // An ML server goes on with what was cancelled.
    const taken = Math.max(this.#clock.now() - start, signal.aborted ? CANCELLED_COST : 0)
    if (job.purpose !== 'load') this.#pay(taken)
    if (signal.aborted) return UNKNOWN
    if (result.kind === 'passed') this.#passed++
    else if (result.kind === 'failed') this.#failed++
    return result
  }

  #pay(taken: number): void {
    this.#allowance = Math.max(-MOST_DEBT, this.#allowed() - taken)
    this.#since = this.#clock.now()
  }

  #allowed(): number {
    return Math.min(BURST, this.#allowance + SHARE * (this.#clock.now() - this.#since))
  }
}
