import type { Clock } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'
import { AutoLimit, type Sample } from './auto-limit.ts'

export interface RoomSettings {
  /** Requests that it gets at once: `Infinity` for any number, `auto` to learn it. */
  readonly maxConcurrent?: number | 'auto' | undefined
  /** How many of them, or which share, are kept for urgent requests. */
  readonly reserve?: number | { readonly share: number } | undefined
}

/** How much room a backend has: how many requests it may have at once, and who may be one of them. */
export class Room {
  readonly #clock: Clock
  #settings: RoomSettings
  #limit: AutoLimit | { readonly limit: number }
  #lastUrgent = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, settings: RoomSettings) {
    this.#clock = clock
    this.#settings = settings
    this.#limit = limitOf(settings, clock)
  }

  /** Has other settings from now on. What was learnt stays, as long as it is learnt at all. */
  adapt(settings: RoomSettings): void {
    if (settings.maxConcurrent !== this.#settings.maxConcurrent) this.#limit = limitOf(settings, this.#clock)
    this.#settings = settings
  }

  /** Requests that it may have at once; `Infinity` for any number. */
  get limit(): number {
    return this.#limit.limit
  }

  /** How many requests it works on at once, as far as is known: others wait inside it. */
  get workers(): number {
    return this.#limit instanceof AutoLimit ? this.#limit.workers : this.#limit.limit
  }

  /** Whether it is being found out if it can work on twice as many. */
  get mayHaveMore(): boolean {
    return this.#limit instanceof AutoLimit && this.#limit.mayHaveMore
  }

  /** Whether there is room for one more besides so many. */
  has(inFlight: number, urgent: boolean): boolean {
    return inFlight < this.limit + (urgent ? this.#extra : this.#standby - this.#reserved)
  }

  /** Whether there may be more for those who are not urgent, without anything happening. */
  get growsWithTime(): boolean {
    if (!(this.#limit instanceof AutoLimit)) return false
    return this.#standby < this.#limit.standby
  }

  /**
   * A request takes its room.
   *
   * @param inFlight Requests there, with itself.
   * @param urgent Whether somebody waits for it.
   * @returns What is to be told when it ends; `undefined` where nothing is learnt.
   */
  begin(inFlight: number, urgent: boolean): Sample | undefined {
    if (urgent) this.#lastUrgent = this.#clock.now()
    return this.#limit instanceof AutoLimit ? this.#limit.begin(inFlight) : undefined
  }

  /**
   * A request is over.
   *
   * @param job Its kind.
   * @param time How long it took, in milliseconds; `undefined` when that says nothing, as when it failed.
   */
  end(sample: Sample | undefined, job: string, time: number | undefined): void {
    if (sample !== undefined && this.#limit instanceof AutoLimit) this.#limit.end(sample, job, time)
  }

  /** Slots that only urgent requests get; one is left for the others. */
  get #reserved(): number {
    const { reserve = defaults.reserve } = this.#settings
    const slots = typeof reserve === 'number' ? reserve : Math.ceil(reserve.share * this.limit)
    return Math.min(slots, Math.max(0, this.limit - 1))
  }

  /**
   * Somebody in a hurry goes before what has just begun, even where that takes long: what was learnt is no wall. Neither is
   * what waits inside already, for it would send them to a slower server.
   */
  get #extra(): number {
    return this.#limit instanceof AutoLimit ? 1 + this.#limit.standby : 0
  }

  /** What may wait inside it: where jobs take long, only while nobody is in a hurry, who would have to wait for it, too. */
  get #standby(): number {
    if (!(this.#limit instanceof AutoLimit)) return 0
    const { isQuick, standby } = this.#limit
    return isQuick || this.#clock.now() - this.#lastUrgent > defaults.standbyAfter ? standby : 0
  }
}

function limitOf(
  { maxConcurrent = defaults.maxConcurrent }: RoomSettings,
  clock: Clock,
): AutoLimit | { readonly limit: number } {
  return maxConcurrent === 'auto' ? new AutoLimit(clock) : { limit: maxConcurrent }
}
