import type { Clock } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import { FixedLimit } from './fixed-limit.ts'
import type { Limit, Sample } from './limit.ts'
import { type InFlight, Workload } from './workload.ts'

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

/** A request in flight. */
export interface Admission {
  readonly inFlight: InFlight
  readonly sample: Sample | undefined
}

/** The requests in flight on a backend, and how many more it gets: the limit, less the reserve, plus the standby. */
export class ConcurrencyLimit implements LimitView {
  readonly #clock: Clock
  readonly #workload: Workload
  #settings: LimitSettings
  #limit: Limit
  #lastUrgent = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, settings: LimitSettings) {
    this.#clock = clock
    this.#workload = new Workload(clock)
    this.#settings = settings
    this.#limit = limitOf(settings, clock)
  }

  /** Applies new settings. A learned limit stays while the limit is learned. */
  configure(settings: LimitSettings): void {
    if (settings.maxConcurrent !== this.#settings.maxConcurrent) this.#limit = limitOf(settings, this.#clock)
    this.#settings = settings
  }

  get current(): number {
    return this.#limit.current
  }

  get workers(): number {
    return this.#limit.workers
  }

  get mayGrow(): boolean {
    return this.#limit.mayGrow
  }

  get inFlight(): number {
    return this.#workload.size
  }

  get ahead(): number {
    return this.#workload.ahead
  }

  get slotFreeIn(): number {
    return this.#workload.freeIn(this.current)
  }

  get workerFreeIn(): number {
    return this.#workload.freeIn(this.workers)
  }

  /** A learned limit does not stop an urgent request: it goes before what has just begun, and before what waits inside. */
  hasSlot(urgent: boolean): boolean {
    const { current, urgentExtra } = this.#limit
    return this.inFlight < current + (urgent ? urgentExtra : this.#standby - this.#reserved)
  }

  /**
   * A request begins.
   *
   * @param expected How long it takes, in milliseconds.
   */
  begin(expected: number, urgent: boolean): Admission {
    if (urgent) this.#lastUrgent = this.#clock.now()
    const inFlight = this.#workload.begin(expected)
    return { inFlight, sample: this.#limit.begin(this.inFlight) }
  }

  /** A request is over. @returns Milliseconds since it began. */
  end({ inFlight }: Admission): number {
    this.#workload.end(inFlight)
    return this.#clock.now() - inFlight.began
  }

  /** @param taken Milliseconds that the request took; `undefined` when they say nothing, as when it failed. */
  learn({ sample }: Admission, kind: string, taken: number | undefined): void {
    if (sample !== undefined) this.#limit.end(sample, kind, taken)
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
}

function limitOf({ maxConcurrent = defaults.maxConcurrent }: LimitSettings, clock: Clock): Limit {
  return maxConcurrent === 'auto' ? new AdaptiveLimit(clock) : new FixedLimit(maxConcurrent)
}
