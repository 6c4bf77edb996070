import { type Clock, callAt } from '../../clock.ts'
import { removeItem } from '../../remove-item.ts'

/** What a backend works on at one time. */
export interface Occupancy {
  /** Requests in flight; those that wait for the same canary count as one. */
  readonly inFlight: number
  /** Requests so far whose failure was undecided. */
  readonly undecided: number
}

/** A request whose failure is undecided: it is sent again with fewer others in flight, or waits for a canary. */
export interface Repeat {
  /** Resolves when few enough are in flight; no further request begins until then. */
  readonly ready: Promise<void>
  /** The most requests in flight since then, itself included. */
  readonly peak: number
  now(): Occupancy
  /** Stops waiting: the request goes on beside the others. */
  force(): void
  /** It waits for a canary from now on. */
  awaitCanary(): void
  /** It was answered well: the backend has memory for as many requests as were in flight. */
  succeed(): void
  /** Must be called when it is over. */
  end(): void
}

interface PendingRepeat {
  readonly most: number
  readonly notBefore: number
  /** Requests in flight when it started, and the most since. */
  startedWith: number
  peak: number
  awaitsCanary: boolean
  readonly start: () => void
}

/** Time until one more is tried, in milliseconds. */
const GROW_AFTER = 2_000
/** Time until the number with which requests failed is tried again, in milliseconds; twice as long each time it fails again. */
const FIRST_FORGET_AFTER = 10_000
const LONGEST_FORGET_AFTER = 300_000

/**
 * The number of requests that a backend has memory for, learned from failures: one of several in flight fails, and works with
 * fewer. Until that has happened, there is no limit.
 */
export class MemoryLimit {
  readonly #clock: Clock
  readonly #waiting: PendingRepeat[] = []
  readonly #running: PendingRepeat[] = []
  /** As it was at `#changedAt`, on the clock. */
  #limit = Number.POSITIVE_INFINITY
  #changedAt = 0
  /** The fewest in flight with which one failed that worked with fewer, and when that was, on the clock. */
  #failed = { with: Number.POSITIVE_INFINITY, at: 0 }
  #forgetAfter = FIRST_FORGET_AFTER
  #undecided = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Requests that may be in flight. It grows one by one, and stays below what has failed for a while. */
  get limit(): number {
    if (this.#limit === Number.POSITIVE_INFINITY) return this.#limit
    const now = this.#clock.now()
    const ceiling = this.#failed.with - 1 + Math.floor((now - this.#failed.at) / this.#forgetAfter)
    const grown = this.#limit + Math.floor((now - this.#changedAt) / GROW_AFTER)
    return Math.max(this.#limit, Math.min(ceiling, grown))
  }

  /**
   * Whether another request may begin.
   *
   * @param inFlight Requests in flight, those that wait to be repeated included.
   * @param urgent Whether it need not wait for those that are to be repeated.
   */
  allows(inFlight: number, urgent: boolean): boolean {
    if (inFlight >= this.#strictest(this.limit)) return false
    return urgent || this.#waiting.length === 0
  }

  /**
   * Waits until a request in flight can be repeated.
   *
   * @param most Requests that may be in flight then, itself included.
   * @param inFlight The number in flight now, itself included; called again and again.
   * @param notBefore The earliest time, on the clock.
   */
  repeat(most: number, inFlight: () => number, notBefore: number): Repeat {
    const { promise, resolve } = Promise.withResolvers<void>()
    const failedWith = this.#active(inFlight())
    this.#undecided++
    const repeat: PendingRepeat = {
      most,
      notBefore,
      startedWith: 1,
      peak: 1,
      awaitsCanary: false,
      start: resolve,
    }
    this.#waiting.push(repeat)
    const isLater = notBefore > this.#clock.now()
    const cancel = isLater ? callAt(this.#clock, notBefore, () => this.startRepeats(inFlight())) : undefined
    this.startRepeats(inFlight())
    return {
      ready: promise,
      get peak() {
        return repeat.peak
      },
      now: () => ({ inFlight: this.#active(inFlight()), undecided: this.#undecided }),
      force: () => this.#start(repeat, inFlight()),
      awaitCanary: () => {
        repeat.awaitsCanary = true
      },
      succeed: () => this.#learn(repeat.startedWith, failedWith),
      end: () => {
        cancel?.()
        removeItem(this.#waiting, repeat)
        removeItem(this.#running, repeat)
        resolve()
        this.startRepeats(inFlight())
      },
    }
  }

  /** Starts the repeats that may run now; must be called when a request ends. */
  startRepeats(inFlight: number): void {
    for (const repeat of [...this.#waiting]) {
      const most = Math.min(this.#strictest(repeat.most), Math.max(1, this.limit))
      if (this.#active(inFlight) + 1 > most || this.#clock.now() < repeat.notBefore) return
      this.#start(repeat, inFlight)
    }
  }

  #start(repeat: PendingRepeat, inFlight: number): void {
    if (!this.#waiting.includes(repeat)) return
    removeItem(this.#waiting, repeat)
    this.#running.push(repeat)
    repeat.startedWith = this.#active(inFlight)
    this.onRequestStart(inFlight)
    repeat.start()
  }

  /** Must be called when a request begins. */
  onRequestStart(inFlight: number): void {
    for (const repeat of this.#running) repeat.peak = Math.max(repeat.peak, this.#active(inFlight))
  }

  /** The lowest of a number and what the running repeats allow. */
  #strictest(most: number): number {
    return this.#running.reduce((least, repeat) => Math.min(least, repeat.most), most)
  }

  /** Requests that the backend works on: those in flight, without those that wait to be repeated or share a canary. */
  #active(inFlight: number): number {
    const awaiting = this.#running.filter(({ awaitsCanary }) => awaitsCanary).length
    return inFlight - this.#waiting.length - Math.max(0, awaiting - 1)
  }

  #learn(workedWith: number, failedWith: number): void {
    if (workedWith >= failedWith) return
    const now = this.#clock.now()
    const isKnown = failedWith >= this.#failed.with && now - this.#failed.at < 2 * LONGEST_FORGET_AFTER
    this.#forgetAfter = isKnown ? Math.min(LONGEST_FORGET_AFTER, 2 * this.#forgetAfter) : FIRST_FORGET_AFTER
    this.#failed = { with: Math.min(this.#failed.with, failedWith), at: now }
    this.#limit = Math.min(workedWith, this.limit)
    this.#changedAt = now
  }
}
