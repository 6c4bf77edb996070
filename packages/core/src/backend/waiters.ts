import type { Waker } from './waker.ts'

/** Those that wait for one server. As long as one of them waits for it to be there, it is asked and woken more often. */
export class Waiters {
  readonly #waker: Waker | undefined
  readonly #onHurry: (hurried: boolean) => void
  #count = 0
  #hurried = false
  #stopWaking: (() => void) | undefined

  constructor(waker: Waker | undefined, onHurry: (hurried: boolean) => void) {
    this.#waker = waker
    this.#onHurry = onHurry
  }

  get count(): number {
    return this.#count
  }

  /** Whether one of them waits for the server to be there. */
  get hurried(): boolean {
    return this.#hurried
  }

  /** @param away Whether it waits for the server to be there, and not for a slot. */
  begin(away: boolean): void {
    this.#count++
    if (away) this.hurry()
  }

  end(): void {
    if (--this.#count > 0) return
    this.#hurried = false
    this.#onHurry(false)
    this.stopWaking()
  }

  /** From now on they wait for it to be there. */
  hurry(): void {
    if (this.#hurried) return
    this.#hurried = true
    this.#onHurry(true)
    this.#stopWaking = this.#waker?.keepWanting()
  }

  /** Nobody need switch it on any more. */
  stopWaking(): void {
    this.#stopWaking?.()
    this.#stopWaking = undefined
  }
}
