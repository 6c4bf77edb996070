import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { sendWakePacket, type WakeTarget } from './wake.ts'

/** How a machine is woken, and how often; without it, somebody else is told. */
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

  /** It is woken in another way from now on. */
  adapt(wake: WakeSettings): void {
    this.#wake = wake
    if (this.#keepers === 0) return
    this.#cancel?.()
    this.#repeat()
  }

  get #interval(): number {
    return this.#wake?.every ?? defaults.wakeInterval
  }

  /** A request would go there, if it could. */
  want(): void {
    const { isDown, onWanted } = this.#settings
    const wake = this.#wake
    const now = this.#clock.now()
    if (now - this.#last < this.#interval || !isDown()) return
    this.#last = now
    if (wake === undefined) onWanted(undefined)
    else
      sendWakePacket(wake).then(
        () => onWanted(undefined),
        (error) => onWanted(asError(error)),
      )
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
