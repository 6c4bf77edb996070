import type { HoldEvent } from '../routing/lease.ts'
import type { Waker } from './waker.ts'

type WaitReason = HoldEvent['reason']

export interface DemandSettings {
  readonly waker: Waker | undefined
  readonly isDown: () => boolean
  /** Requests wait for the backend to be available, or none does any more. */
  readonly onHurry: (isHurried: boolean) => void
  /** A request would use the backend, which is down. */
  readonly onWanted: () => void
}

/** The requests that wait for a backend. While one waits for it to be available, it is probed and woken more often. */
export class Demand {
  readonly #settings: DemandSettings
  readonly #byReason: Record<WaitReason, number> = { full: 0, unavailable: 0 }
  #isHurried = false
  /** Whether an urgent request has waited since the last moment without any. */
  #isUrgent = false
  #stopWaking: (() => void) | undefined

  constructor(settings: DemandSettings) {
    this.#settings = settings
  }

  /** Requests that wait for it, or for another that may serve them. */
  get waiting(): number {
    return this.#byReason.full + this.#byReason.unavailable
  }

  /** The same, by why they began to wait. */
  get byReason(): Readonly<Record<WaitReason, number>> {
    return { ...this.#byReason }
  }

  /** Whether its machine can be woken by a packet. */
  get canWake(): boolean {
    return this.#settings.waker?.hasTarget ?? false
  }

  /** When its machine last came up after it was woken, on the clock; `undefined` if it never did. */
  get wokeAt(): number | undefined {
    return this.#settings.waker?.wokeAt
  }

  /**
   * A request waits.
   *
   * @param reason Why it began to wait.
   * @param isHeld Whether it waits for the backend to be available now, and not for a slot.
   * @param isUrgent Whether it wakes the machine whatever `wake.when` says.
   */
  begin(reason: WaitReason, isHeld: boolean, isUrgent: boolean): void {
    this.#byReason[reason]++
    const wasUrgent = this.#isUrgent
    this.#isUrgent ||= isUrgent
    if (!isHeld) return
    if (this.#isHurried && this.#isUrgent && !wasUrgent) this.want(true)
    this.#hurry()
  }

  /** A request that began to wait does not wait any more. */
  end(reason: WaitReason): void {
    this.#byReason[reason]--
    if (this.waiting > 0) return
    this.#isHurried = false
    this.#isUrgent = false
    this.#settings.onHurry(false)
    this.stop()
  }

  /** A request would go here, if it could. @param isUrgent As for {@link Demand.begin}. */
  want(isUrgent: boolean): void {
    const { isDown, onWanted, waker } = this.#settings
    if (!isDown()) return
    onWanted()
    waker?.want(isUrgent)
  }

  /** Its health has changed: when it goes down while requests wait, they wait for it to be available. */
  healthChanged(): void {
    if (this.waiting === 0 || !this.#settings.isDown()) return
    this.#hurry()
    this.want(this.#isUrgent)
  }

  /** Stops waking the machine. */
  stop(): void {
    this.#stopWaking?.()
    this.#stopWaking = undefined
  }

  #hurry(): void {
    if (this.#isHurried) return
    this.#isHurried = true
    this.#settings.onHurry(true)
    this.#stopWaking = this.#settings.waker?.keepWanting(() => this.#isUrgent)
  }
}
