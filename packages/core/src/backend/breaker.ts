import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'

/** Whether requests are sent, and if not, why and until when. Times are on the clock, in milliseconds. */
export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | {
      /** Ejected: no request is sent before `until`, unless there is nothing better. */
      readonly kind: 'open'
      readonly since: number
      readonly until: number
      /** Ejections in a row. */
      readonly ejections: number
      readonly reason: string
    }
  | {
      /** The ejection is over, and one request is on its way to find out. */
      readonly kind: 'trial'
      readonly since: number
      readonly ejections: number
      readonly reason: string
    }

/** Ejects what fails several times in a row, each time for longer, and lets one real request try whether it is back. */
export class Breaker {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #onChange: (from: BreakerState, to: BreakerState) => void
  #state: BreakerState = { kind: 'closed', failures: 0 }

  /**
   * @param onChange Told of every change of kind.
   * @param random From 0 to 1, for the jitter: pools must not come back all at once.
   */
  constructor(
    clock: Clock,
    onChange: (from: BreakerState, to: BreakerState) => void = () => {},
    random: () => number = Math.random,
  ) {
    this.#clock = clock
    this.#onChange = onChange
    this.#random = random
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Whether a request may be sent now; the first behind an ejection is the trial. */
  get available(): boolean {
    const state = this.#state
    return state.kind === 'closed' || (state.kind === 'open' && this.#clock.now() >= state.until)
  }

  /** When the next trial may be made, to tell the least bad of several. */
  get availableAt(): number {
    const state = this.#state
    if (state.kind === 'closed') return 0
    return state.kind === 'open' ? state.until : Number.POSITIVE_INFINITY
  }

  /** A request is about to be sent. @returns Whether it is the trial. */
  begin(): boolean {
    const state = this.#state
    if (state.kind !== 'open' || !this.available) return false
    this.#become({ kind: 'trial', since: state.since, ejections: state.ejections, reason: state.reason })
    return true
  }

  succeed(): void {
    this.#become({ kind: 'closed', failures: 0 })
  }

  fail(reason: string, trial: boolean): void {
    const state = this.#state
    if (state.kind === 'closed') {
      const failures = state.failures + 1
      if (failures >= defaults.ejectAfter) this.#eject(reason, 1, this.#clock.now())
      else this.#become({ kind: 'closed', failures })
    } else if (state.kind === 'trial' && trial) this.#eject(reason, state.ejections + 1, state.since)
    // Requests that were on their way when it was ejected say nothing new.
  }

  /** The trial ended without a verdict, as when its client left: the next request is the trial. Nobody is told. */
  abandon(): void {
    const state = this.#state
    if (state.kind === 'trial') this.#state = { ...state, kind: 'open', until: this.#clock.now() }
  }

  #eject(reason: string, ejections: number, since: number): void {
    const time = Math.min(defaults.ejectionTime * 2 ** (ejections - 1), defaults.longestEjection)
    const jitter = 1 + defaults.ejectionJitter * (2 * this.#random() - 1)
    this.#become({ kind: 'open', since, until: this.#clock.now() + time * jitter, ejections, reason })
  }

  #become(state: BreakerState): void {
    const before = this.#state
    this.#state = state
    if (before.kind !== state.kind) this.#onChange(before, state)
  }
}
