import { type Clock, callAt } from '../../clock.ts'
import { removeItem } from '../../remove-item.ts'

/** What a backend is working on. */
export interface Company {
  /** Requests that it works on, a canary included. */
  readonly inFlight: number
  /** Requests that were to be repeated, of all time. */
  readonly failures: number
}

/** A request that is sent again with fewer others in flight. */
export interface Repeat {
  /** Resolves when few enough are in flight; no further request begins until then. */
  readonly ready: Promise<void>
  /** The most requests in flight while it runs, itself included. */
  readonly company: number
  now(): Company
  /** It has failed again, and asks for a canary, which those that fail alike share. */
  asks(): void
  /** It was answered well: the backend has memory for so many as were in flight. */
  worked(): void
  /** It is over; must be called. */
  end(): void
}

interface Entry {
  readonly most: number
  readonly notBefore: number
  /** Requests in flight when it began, and the most since. */
  began: number
  peak: number
  isAsking: boolean
  readonly start: () => void
}

/** How long it takes until one more is tried, in milliseconds. */
const GROW_AFTER = 2_000
/** How long before the number at which requests have failed is tried again, in milliseconds. */
const FORGET_AFTER = 300_000

/**
 * How many requests a backend has memory for, learned from failures: of several in flight one fails, and works with fewer.
 * Until then there is no limit.
 */
export class MemoryLimit {
  readonly #clock: Clock
  readonly #waiting: Entry[] = []
  readonly #running: Entry[] = []
  #most = Number.POSITIVE_INFINITY
  /** The fewest in flight with which one failed that worked with fewer, and when that was, on the clock. */
  #failed = { with: Number.POSITIVE_INFINITY, at: 0 }
  #changedAt = 0
  #failures = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Requests that may be in flight. It grows one by one, and stays below what has failed for a while. */
  get most(): number {
    if (this.#most === Number.POSITIVE_INFINITY) return this.#most
    const now = this.#clock.now()
    const { with: failedWith, at } = this.#failed
    const proven = failedWith - 1 + Math.floor((now - at) / FORGET_AFTER)
    return Math.max(
      this.#most,
      Math.min(proven, this.#most + Math.floor((now - this.#changedAt) / GROW_AFTER)),
    )
  }

  /** Whether another request may begin. @param inFlight With those that wait to be repeated. */
  allows(inFlight: number): boolean {
    if (this.#waiting.length > 0) return false
    return inFlight < this.#running.reduce((most, entry) => Math.min(most, entry.most), this.most)
  }

  /**
   * Waits until a request in flight can be repeated.
   *
   * @param most Requests that may be in flight then, itself included.
   * @param inFlight Requests in flight, itself included; called again and again.
   * @param notBefore When it may begin at the earliest, on the clock.
   */
  repeat(most: number, inFlight: () => number, notBefore: number): Repeat {
    const { promise, resolve } = Promise.withResolvers<void>()
    const failedWith = this.#active(inFlight())
    this.#failures++
    const entry: Entry = { most, notBefore, began: 1, peak: 1, isAsking: false, start: resolve }
    this.#waiting.push(entry)
    const cancel =
      notBefore > this.#clock.now()
        ? callAt(this.#clock, notBefore, () => this.update(inFlight()))
        : undefined
    this.update(inFlight())
    return {
      ready: promise,
      get company() {
        return entry.peak
      },
      asks: () => {
        entry.isAsking = true
      },
      now: () => ({ inFlight: this.#active(inFlight()), failures: this.#failures }),
      worked: () => this.#learn(entry.began, failedWith),
      end: () => {
        cancel?.()
        removeItem(this.#waiting, entry)
        removeItem(this.#running, entry)
        resolve()
        this.update(inFlight())
      },
    }
  }

  /** Starts the repeats that may run now; must be called when a request ends. */
  update(inFlight: number): void {
    for (const entry of [...this.#waiting]) {
      const company = this.#active(inFlight) + 1
      const most = this.#running.reduce((least, { most }) => Math.min(least, most), entry.most)
      if (company > Math.min(most, Math.max(1, this.most)) || this.#clock.now() < entry.notBefore) return
      removeItem(this.#waiting, entry)
      this.#running.push(entry)
      entry.began = company
      this.began(inFlight)
      entry.start()
    }
  }

  /** A request has begun. */
  began(inFlight: number): void {
    for (const entry of this.#running) entry.peak = Math.max(entry.peak, this.#active(inFlight))
  }

  /** Requests that the backend works on: those in flight, without those that wait to be repeated or share a canary. */
  #active(inFlight: number): number {
    const asking = this.#running.filter(({ isAsking }) => isAsking).length
    return inFlight - this.#waiting.length - Math.max(0, asking - 1)
  }

  #learn(worked: number, failedWith: number): void {
    if (worked >= failedWith) return
    const now = this.#clock.now()
    this.#failed = { with: Math.min(this.#failed.with, failedWith), at: now }
    this.#most = Math.min(worked, this.most)
    this.#changedAt = now
  }
}
