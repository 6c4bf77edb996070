import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'

/** When bulk requests wake a machine: once everything that is given holds, or at the latest after a time. */
export interface WakeWhen {
  /** Bulk jobs that wait. */
  readonly queued?: number | undefined
  /** Minutes since midnight, local time. It spans midnight if it ends before it begins. */
  readonly between?: { readonly from: number; readonly to: number } | undefined
  /** Milliseconds since bulk requests first wanted the machine. */
  readonly atMostAfter?: number | undefined
}

/** Follows whether bulk requests are worth waking one machine for. */
export class WakeCondition {
  readonly #clock: Clock
  readonly #date: () => Date
  /** When bulk requests first wanted the machine since it was up, and when they last did, on the clock. */
  #wanted: { readonly since: number; last: number } | undefined

  /** @param date The local time, for tests. */
  constructor(clock: Clock, date = () => new Date()) {
    this.#clock = clock
    this.#date = date
  }

  /** Bulk requests want the machine. @param queued How many bulk jobs wait. @returns Whether to wake it. */
  isMet(when: WakeWhen | undefined, queued: number): boolean {
    const now = this.#clock.now()
    if (this.#wanted === undefined || now - this.#wanted.last > defaults.wakeWantGap)
      this.#wanted = { since: now, last: now }
    this.#wanted.last = now
    if (when === undefined) return true
    const { queued: least = 0, between, atMostAfter = Number.POSITIVE_INFINITY } = when
    if (now - this.#wanted.since >= atMostAfter) return true
    return queued >= least && (between === undefined || isWithin(this.#date(), between))
  }

  /** The machine is up. */
  reset(): void {
    this.#wanted = undefined
  }
}

function isWithin(date: Date, { from, to }: NonNullable<WakeWhen['between']>): boolean {
  const minute = date.getHours() * 60 + date.getMinutes()
  return from < to ? minute >= from && minute < to : minute >= from || minute < to
}
