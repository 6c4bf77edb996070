import type { Clock } from '../clock.ts'
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

/** Canaries take at most this share of a backend's time. */
const SHARE = 0.2
/** The time in milliseconds that canaries may take at once, after a while without any. */
const BURST = 2_000

/** Canaries that have ended. */
export interface CanaryCounts {
  readonly passed: number
  readonly failed: number
}

const UNKNOWN: CanaryResult = { kind: 'unknown' }

/** Runs canaries on one backend, within a share of its time. */
export class Canary {
  readonly #clock: Clock
  #send: SendCanary | undefined
  #stopping = new AbortController()
  /** By the digest of its entries: the canary that runs, and the one that follows for what failed since it began. */
  readonly #running = new Map<
    string,
    { readonly current: Promise<CanaryResult>; next?: Promise<CanaryResult> }
  >()
  #passed = 0
  #failed = 0
  /** The time that canaries may take, in milliseconds, as it was at `#since`; below 0 they wait. */
  #allowance = BURST
  #since: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.now()
  }

  /** @param send Sends one canary to the backend. */
  start(send: SendCanary): void {
    if (this.#stopping.signal.aborted) this.#stopping = new AbortController()
    this.#send = send
  }

  /**
   * Runs a canary that starts after this call, so its result covers every earlier failure of the same entries.
   *
   * @returns when the canary is over; it never rejects. Before {@link Canary.start}, nothing is known.
   */
  check(job: CanaryJob): Promise<CanaryResult> {
    if (this.#send === undefined) return Promise.resolve(UNKNOWN)
    const running = this.#running.get(job.exact)
    if (running === undefined) return this.#start(job)
    running.next ??= running.current.then(() => this.#start(job))
    return running.next
  }

  get counts(): CanaryCounts {
    return { passed: this.#passed, failed: this.#failed }
  }

  /** Ends the canaries that run. */
  stop(): void {
    this.#send = undefined
    this.#stopping.abort()
  }

  #start(job: CanaryJob): Promise<CanaryResult> {
    const current = this.#run(job).then((result) => {
      if (this.#running.get(job.exact)?.next === undefined) this.#running.delete(job.exact)
      return result
    })
    this.#running.set(job.exact, { current })
    return current
  }

  async #run(job: CanaryJob): Promise<CanaryResult> {
    const { signal } = this.#stopping
    const wait = this.#untilAllowed()
    if (wait > 0) await pause(this.#clock, wait, signal)
    const send = this.#send
    if (signal.aborted || send === undefined) return UNKNOWN
    const start = this.#clock.now()
    // A bug must not keep a request waiting.
    const result = await send(job, signal).catch((): CanaryResult => UNKNOWN)
    this.#allowance = this.#allowed() - (this.#clock.now() - start)
    this.#since = this.#clock.now()
    if (signal.aborted) return UNKNOWN
    if (result.kind === 'passed') this.#passed++
    else if (result.kind === 'failed') this.#failed++
    return result
  }

  #allowed(): number {
    return Math.min(BURST, this.#allowance + SHARE * (this.#clock.now() - this.#since))
  }

  /** How long the next canary has to wait, in milliseconds. */
  #untilAllowed(): number {
    return Math.max(0, -this.#allowed() / SHARE)
  }
}

function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(milliseconds, resolve)
    signal.addEventListener(
      'abort',
      () => {
        cancel()
        resolve()
      },
      { once: true },
    )
  })
}
