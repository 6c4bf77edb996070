import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { callHook, type Hook } from '../hook/call-hook.ts'
import { sendWakePacket, type WakeTarget } from './wake.ts'
import { WakeCondition, type WakeWhen } from './wake-when.ts'

/** How a machine is woken: by a packet, if there is a MAC address, and by a hook. `every` is in milliseconds. */
export interface WakeTargets extends Omit<WakeTarget, 'mac'>, Hook {
  readonly mac?: string | undefined
  readonly every: number
  /** When bulk requests wake it; without it, always. */
  readonly when?: WakeWhen | undefined
}

/** How a machine is woken, and how often; without it, only the event is emitted. */
export type WakeSettings = WakeTargets | undefined

export interface WakerSettings {
  readonly wake: WakeSettings
  readonly isDown: () => boolean
  /** Bulk jobs that wait. */
  readonly queued: () => number
  /** Called whenever it is wanted, with the error of a packet or call that failed. */
  readonly onWanted: (error: Error | undefined) => void
}

/** Has a machine switched on while requests want it and it is down. */
export class Waker {
  readonly #clock: Clock
  readonly #settings: WakerSettings
  #wake: WakeSettings
  readonly #condition: WakeCondition
  #last = Number.NEGATIVE_INFINITY
  /** Whether it was woken while it was down, and has not been up since. */
  #isWaking = false
  #wokeAt: number | undefined
  /** Each says whether an urgent request is among those that want the machine. */
  readonly #keepers = new Set<() => boolean>()
  #cancel: (() => void) | undefined

  constructor(clock: Clock, settings: WakerSettings) {
    this.#clock = clock
    this.#settings = settings
    this.#wake = settings.wake
    this.#condition = new WakeCondition(clock)
  }

  /** Applies new settings. */
  configure(wake: WakeSettings): void {
    this.#wake = wake
    if (this.#keepers.size === 0) return
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

  /** A request would go there, if it could. @param isUrgent Whether it wakes the machine whatever `when` says. */
  want(isUrgent: boolean): void {
    if (this.#clock.now() - this.#last < this.#interval || !this.#settings.isDown()) return
    if (!isUrgent && !this.#condition.isMet(this.#wake?.when, this.#settings.queued())) return
    // The event has the error as well.
    this.wake().catch(() => {})
  }

  /** Something about it has changed: once it has been up, a machine that sleeps again is woken at once. */
  changed(): void {
    if (this.#settings.isDown()) return
    this.#last = Number.NEGATIVE_INFINITY
    this.#condition.reset()
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

  /** Wants it again and again. @returns What ends that. */
  keepWanting(isUrgent: () => boolean): () => void {
    this.#keepers.add(isUrgent)
    if (this.#keepers.size === 1) this.#repeat()
    return () => {
      if (this.#keepers.delete(isUrgent) && this.#keepers.size === 0) this.#cancel?.()
    }
  }

  #repeat(): void {
    this.want([...this.#keepers].some((isUrgent) => isUrgent()))
    this.#cancel = this.#clock.after(this.#interval, () => this.#repeat())
  }
}

async function switchOn({ mac, when: _, ...wake }: WakeTargets): Promise<void> {
  const packet = mac === undefined ? undefined : sendWakePacket({ ...wake, mac })
  await Promise.all([packet, callHook(wake)])
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
