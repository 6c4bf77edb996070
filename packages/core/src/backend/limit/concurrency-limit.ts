import type { Clock } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'
import { removeItem } from '../../remove-item.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import type { Limit, Sample } from './limit.ts'
import { MemoryLimit, type Repeat } from './memory-limit.ts'

export interface LimitSettings {
  /** Requests that it gets at once: `Infinity` for any number, `auto` to learn it. */
  readonly maxConcurrent?: number | 'auto' | undefined
  /** How many of them, or which share, are kept for urgent requests. */
  readonly reserve?: number | { readonly share: number } | undefined
}

/** What others see of a backend's concurrency limit and of the work in flight. Times are in milliseconds. */
export interface LimitView {
  /** Requests that it gets at once; `Infinity` for any number. */
  readonly current: number
  /** How many it works on at once, as far as is known; the others wait inside it. */
  readonly workers: number
  /** Whether twice as many are being tried. */
  readonly mayGrow: boolean
  /** Whether one more request fits. @param urgent Whether it may have what is reserved. */
  hasSlot(urgent: boolean): boolean
  /** How long the work in flight takes, one request after the other. */
  readonly ahead: number
  /** How long it takes until a slot is free. */
  readonly slotFreeIn: number
  /** How long it takes until one it works on is done, and it starts on the next inside. */
  readonly workerFreeIn: number
}

/** How much a backend was used, in milliseconds: the difference of two readings is the use of the time between them. */
export interface BackendUse {
  /** Time with at least one request in flight. */
  readonly busy: number
  /** The integral of requests in flight / limit over time; does not grow while there is no limit. */
  readonly load: number
}

/** A request in flight. */
export interface InFlight {
  /** When it began, on the clock. */
  readonly began: number
  /** How long it takes in milliseconds, as far as was known when it began. */
  readonly expected: number
  /** What the limit remembers of it. */
  readonly sample: Sample | undefined
}

/** The requests in flight on a backend, and how many more it gets: the limit, less the reserve, plus the standby. */
export class ConcurrencyLimit implements LimitView {
  readonly #clock: Clock
  #settings: LimitSettings
  #limit: Limit
  /** The oldest first. */
  readonly #requests: InFlight[] = []
  /** How long all of them take, by what was expected of each. */
  #expected = 0
  readonly #left: number[] = []
  #lastUrgent = Number.NEGATIVE_INFINITY
  /** When more than one was in flight last, on the clock. */
  #lastShared = Number.NEGATIVE_INFINITY
  /** Until when the backend may work on a request that was given up, on the clock. */
  #abandonedUntil = Number.NEGATIVE_INFINITY
  /** Created at the first undecided failure. */
  #memory: MemoryLimit | undefined
  /** Busy time, less the time on the clock when the running busy period began. */
  #busy = 0
  /** The load until the number in flight last changed, and when that was, on the clock. */
  #load = 0
  #changedAt = 0

  constructor(clock: Clock, settings: LimitSettings) {
    this.#clock = clock
    this.#settings = settings
    this.#limit = limitOf(settings, clock)
  }

  /** Applies new settings. A learned limit stays while the limit is learned. */
  configure(settings: LimitSettings): void {
    if (settings.maxConcurrent !== this.#settings.maxConcurrent) this.#limit = limitOf(settings, this.#clock)
    this.#settings = settings
  }

  get current(): number {
    return Math.min(this.#limit.current, this.#memory?.limit ?? Number.POSITIVE_INFINITY)
  }

  get workers(): number {
    return Math.min(this.#limit.workers, this.#memory?.limit ?? Number.POSITIVE_INFINITY)
  }

  get mayGrow(): boolean {
    return this.#limit.mayGrow
  }

  get inFlight(): number {
    return this.#requests.length
  }

  /** How much it was used so far. */
  get use(): BackendUse {
    const now = this.#clock.now()
    return {
      busy: this.#busy + (this.inFlight > 0 ? now : 0),
      load: this.#load + ((now - this.#changedAt) * this.inFlight) / this.current,
    }
  }

  get ahead(): number {
    const [oldest] = this.#requests
    const overdue = oldest === undefined ? 0 : this.#clock.now() - oldest.began - oldest.expected
    return this.#expected + Math.max(0, overdue)
  }

  get slotFreeIn(): number {
    return this.#freeIn(this.current)
  }

  get workerFreeIn(): number {
    return this.#freeIn(this.workers)
  }

  /** A learned limit does not stop an urgent request: it goes before what has just begun, and before what waits inside. */
  hasSlot(urgent: boolean): boolean {
    if (this.#memory?.allows(this.inFlight, urgent) === false) return false
    const { current, urgentExtra } = this.#limit
    return this.inFlight < current + (urgent ? urgentExtra : this.#standby - this.#reserved)
  }

  /**
   * A request begins.
   *
   * @param expected How long it takes, in milliseconds.
   */
  begin(expected: number, urgent: boolean): InFlight {
    const began = this.#clock.now()
    if (this.inFlight === 0) this.#busy -= began
    this.#load += ((began - this.#changedAt) * this.inFlight) / this.current
    this.#changedAt = began
    if (urgent) this.#lastUrgent = began
    const request = { began, expected, sample: this.#limit.begin(this.inFlight + 1) }
    this.#requests.push(request)
    this.#expected += expected
    this.#memory?.onRequestStart(this.inFlight)
    if (this.inFlight > 1) this.#lastShared = began
    return request
  }

  /**
   * A request is over.
   *
   * @param taken Milliseconds that it took; `undefined` when they say nothing, as when it failed.
   * @param isAbandoned Whether it ended without an answer: an ML server goes on with what it has begun.
   */
  end(request: InFlight, kind: string, taken: number | undefined, isAbandoned = false): void {
    const now = this.#clock.now()
    if (this.inFlight === 1) this.#busy += now
    this.#load += ((now - this.#changedAt) * this.inFlight) / this.current
    this.#changedAt = now
    if (isAbandoned) this.#abandonedUntil = now + 2 * request.expected
    if (this.inFlight > 1) this.#lastShared = now
    removeItem(this.#requests, request)
    this.#expected = this.#requests.length === 0 ? 0 : this.#expected - request.expected
    if (request.sample !== undefined) this.#limit.end(request.sample, kind, taken)
    this.#memory?.startRepeats(this.inFlight)
  }

  /** A connection broke under a request that keeps its slot: the backend may go on with what it had of it. */
  giveUp(): void {
    const longest = Math.max(0, ...this.#requests.map(({ expected }) => expected))
    this.#abandonedUntil = this.#clock.now() + 2 * longest
  }

  /** Lower bound of the requests in flight since a time on the clock: those now, and at least 2 if others overlapped. */
  inFlightSince(time: number): number {
    return Math.max(this.#lastShared, this.#abandonedUntil) >= time
      ? Math.max(2, this.inFlight)
      : this.inFlight
  }

  /**
   * Waits until a request whose failure is undecided can be sent again or wait for a canary. No further request begins until then.
   *
   * @param most Requests that may be in flight then, itself included.
   */
  repeat(most: number): Repeat {
    this.#memory ??= new MemoryLimit(this.#clock)
    return this.#memory.repeat(most, () => this.inFlight, this.#abandonedUntil)
  }

  /** Slots that only urgent requests get; one is left for the others. */
  get #reserved(): number {
    const { reserve = defaults.reserve } = this.#settings
    const slots = typeof reserve === 'number' ? reserve : Math.ceil(reserve.share * this.current)
    return Math.min(slots, Math.max(0, this.current - 1))
  }

  /** Where jobs take long, none waits inside after an urgent request: the next urgent one would have to wait for it. */
  get #standby(): number {
    const { isQuick, standby } = this.#limit
    if (standby === 0) return 0
    return isQuick || this.#clock.now() - this.#lastUrgent > defaults.standbyAfter ? standby : 0
  }

  /** How long it takes until fewer than `limit` are left, in milliseconds. */
  #freeIn(limit: number): number {
    const now = this.#clock.now()
    const enough = Math.max(1, this.#requests.length - limit + 1)
    // Strategies ask again and again: an array for each time, and sorting all of it, is most of what that costs.
    const left = this.#left
    left.length = 0
    let leastStuck = Number.POSITIVE_INFINITY
    for (const { began, expected } of this.#requests) {
      const elapsed = now - began
      // A stuck request frees no slot; where all are stuck, each may well take as long again.
      if (elapsed > STUCK * expected) leastStuck = Math.min(leastStuck, elapsed)
      else keepLeast(left, Math.max(expected - elapsed, elapsed / 4), enough)
    }
    return left.at(-1) ?? leastStuck
  }
}

function limitOf({ maxConcurrent = defaults.maxConcurrent }: LimitSettings, clock: Clock): Limit {
  return maxConcurrent === 'auto' ? new AdaptiveLimit(clock) : fixedLimit(maxConcurrent)
}

/** A limit from the configuration. @param limit `Infinity` for none. */
function fixedLimit(limit: number): Limit {
  return {
    current: limit,
    workers: limit,
    mayGrow: false,
    standby: 0,
    isQuick: false,
    urgentExtra: 0,
    begin: () => undefined,
    end: () => {},
  }
}

/** Inserts a number into a sorted list of the lowest numbers, which has a maximum length. */
function keepLeast(least: number[], number: number, most: number): void {
  let place = least.length
  for (; place > 0; place--) {
    const before = least[place - 1] ?? number
    if (before <= number) break
    if (place < most) least[place] = before
  }
  if (place < most) least[place] = number
}

/** What has run for so many times as long as such a job takes is stuck. */
const STUCK = 3
