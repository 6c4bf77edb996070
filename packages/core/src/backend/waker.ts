import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { callHook, type Hook } from '../hook/call-hook.ts'
import { sendWakePacket, type WakeTarget } from './wake.ts'

/** How a machine is woken: by a packet, if there is a MAC address, and by a hook. `every` is in milliseconds. */
export interface WakeTargets extends Omit<WakeTarget, 'mac'>, Hook {
  readonly mac?: string | undefined
  readonly every: number
}

/** How a machine is woken, and how often; without it, only the event is emitted. */
export type WakeSettings = WakeTargets | undefined

export interface WakerSettings {
  readonly wake: WakeSettings
  readonly isDown: () => boolean
  /** Called whenever it is wanted, with the error of a packet or call that failed. */
  readonly onWanted: (error: Error | undefined) => void
}

/** Has a machine switched on while requests want it and it is down. */
export class Waker {
  readonly #clock: Clock
  readonly #settings: WakerSettings
  #wake: WakeSettings
  #last = Number.NEGATIVE_INFINITY
  /** Whether it was woken while it was down, and has not been up since. */
  #isWaking = false
  #wokeAt: number | undefined
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

  /** Whether it has `wake`. */
  get hasTarget(): boolean {
    return this.#wake !== undefined
  }

  /** When it last came up after it was woken, on the clock; `undefined` if it never did. */
  get wokeAt(): number | undefined {
    return this.#wokeAt
  }

  /** A probe or a request was answered there: if it was woken, it woke up. */
  cameUp(): void {
    if (!this.#isWaking) return
    this.#isWaking = false
    this.#wokeAt = this.#clock.now()
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

  /** Switches it on now, and tells. Rejects when a packet or call fails. */
  async wake(): Promise<void> {
    const { onWanted, isDown } = this.#settings
    this.#last = this.#clock.now()
    this.#isWaking ||= isDown()
    try {
      if (this.#wake !== undefined) await switchOn(this.#wake)
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

async function switchOn({ mac, ...wake }: WakeTargets): Promise<void> {
  const packet = mac === undefined ? undefined : sendWakePacket({ ...wake, mac })
  await Promise.all([packet, callHook(wake)])
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
