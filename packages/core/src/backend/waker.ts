import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { sendWakePacket, type WakeTarget } from './wake.ts'

/** How a machine is woken, and how often; without it, only the event is emitted. */
export type WakeSettings = (WakeTarget & { readonly every: number }) | undefined

export interface WakerSettings {
  readonly wake: WakeSettings
  readonly isDown: () => boolean
  /** Called whenever it is wanted, with what kept a packet from being sent. */
  readonly onWanted: (error: Error | undefined) => void
}

/** Has a machine switched on while requests want it and it is down. */
export class Waker {
  readonly #clock: Clock
  readonly #settings: WakerSettings
  #wake: WakeSettings
  #last = Number.NEGATIVE_INFINITY
  #keepers = 0
  #cancel: (() => void) | undefined

  constructor(clock: Clock, settings: WakerSettings) {
    this.#clock = clock
    this.#settings = settings
    this.#wake = settings.wake
  }

  /** Applies new settings. */
  configure(wake: WakeSettings): void {
    this.#wake = wake
    if (this.#keepers === 0) return
    this.#cancel?.()
    this.#repeat()
  }

  get #interval(): number {
    return this.#wake?.every ?? defaults.wakeInterval
  }

  /** Whether it has an address for packets. */
  get hasTarget(): boolean {
    return this.#wake !== undefined
  }

  /** A request would go there, if it could. */
  want(): void {
    if (this.#clock.now() - this.#last < this.#interval || !this.#settings.isDown()) return
    // The event has the error as well.
    this.wake().catch(() => {})
  }

  /** Something about it has changed: once it has been up, a machine that sleeps again is woken at once. */
  changed(): void {
    if (!this.#settings.isDown()) this.#last = Number.NEGATIVE_INFINITY
  }

  /** Switches it on now, and tells. Rejects when no packet could be sent. */
  async wake(): Promise<void> {
    const { onWanted } = this.#settings
    this.#last = this.#clock.now()
    try {
      if (this.#wake !== undefined) await sendWakePacket(this.#wake)
    } catch (error) {
      onWanted(asError(error))
      throw error
    }
    onWanted(undefined)
  }

  /** Wants it again and again. @returns What ends that, to be called once. */
  keepWanting(): () => void {
    if (this.#keepers++ === 0) this.#repeat()
    return () => {
      if (--this.#keepers === 0) this.#cancel?.()
    }
  }

  #repeat(): void {
    this.want()
    this.#cancel = this.#clock.after(this.#interval, () => this.#repeat())
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
