import type { Waker } from './waker.ts'

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
  #waiting = 0
  #isHurried = false
  #stopWaking: (() => void) | undefined

  constructor(settings: DemandSettings) {
    this.#settings = settings
  }

  /** Requests that wait for it, or for another that may serve them. */
  get waiting(): number {
    return this.#waiting
  }

  /** Whether its machine can be woken by a packet. */
  get canWake(): boolean {
    return this.#settings.waker?.hasTarget ?? false
  }

  /** @param isHeld Whether the request waits for the backend to be available, and not for a slot. */
  begin(isHeld: boolean): void {
    this.#waiting++
    if (isHeld) this.#hurry()
  }

  /** A request that began to wait does not wait any more. */
  end(): void {
    if (--this.#waiting > 0) return
    this.#isHurried = false
    this.#settings.onHurry(false)
    this.stop()
  }

  /** A request would go here, if it could. */
  want(): void {
    const { isDown, onWanted, waker } = this.#settings
    if (!isDown()) return
    onWanted()
    waker?.want()
  }

  /** Its health has changed: when it goes down while requests wait, they wait for it to be available. */
  healthChanged(): void {
    if (this.#waiting === 0 || !this.#settings.isDown()) return
    this.#hurry()
    this.want()
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
    this.#stopWaking = this.#settings.waker?.keepWanting()
  }
}
