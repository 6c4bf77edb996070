import type { Clock } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'

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
  | {
      /** Back, and slow as long as it loads its models: it gets so many requests at once, one more with each success. */
      readonly kind: 'recovering'
      readonly since: number
      readonly limit: number
      readonly failures: number
      readonly ejections: number
    }

/** A request that a breaker has let through. */
export interface Pass {
  readonly breaker: Breaker
  /** Whether it is the one that finds out if the ejection is over for good. */
  readonly trial: boolean
  /** Ejections that there had been when it began: what it says of later ones is nothing. */
  readonly epoch: number
}

export interface BreakerOptions {
  /** What it guards, such as `clip/visual`; `undefined` for the backend as a whole. */
  readonly task?: string | undefined
  /** Told of every change of kind. */
  readonly onChange?: (from: BreakerState, to: BreakerState) => void
  /** Whether requests wait for the ejection to end, so that a trial comes sooner. */
  readonly isHurried?: () => boolean
  /** From 0 to 1, for the jitter: pools must not come back all at once. */
  readonly random?: () => number
}

/** A request that began before its breaker was made. */
export const UNCOUNTED: Pick<Pass, 'trial' | 'epoch'> = { trial: false, epoch: 0 }

/**
 * Ejects what fails several times in a row, each time for longer, lets one real request try whether it is back, and then
 * lets it start slowly.
 */
export class Breaker {
  readonly task: string | undefined
  readonly #clock: Clock
  readonly #random: () => number
  readonly #onChange: (from: BreakerState, to: BreakerState) => void
  readonly #isHurried: () => boolean
  #state: BreakerState = { kind: 'closed', failures: 0 }
  #running = 0
  #epoch = 0
  /** When the last ejection began, on the clock. */
  #ejectedAt = 0

  constructor(
    clock: Clock,
    { task, onChange = () => {}, isHurried = () => false, random = Math.random }: BreakerOptions = {},
  ) {
    this.task = task
    this.#clock = clock
    this.#onChange = onChange
    this.#isHurried = isHurried
    this.#random = random
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Whether a success changes nothing: nothing has failed since it was closed. */
  get isClear(): boolean {
    return this.#state.kind === 'closed' && this.#state.failures === 0
  }

  /** Whether a request may be sent now; the first behind an ejection is the trial. */
  get available(): boolean {
    const state = this.#state
    if (state.kind === 'open') return this.#clock.now() >= this.#endOf(state)
    return state.kind === 'closed' || (state.kind === 'recovering' && this.#running < state.limit)
  }

  /** While requests wait, and can go nowhere else, a trial costs nothing but its attempt. */
  #endOf({ until }: Extract<BreakerState, { kind: 'open' }>): number {
    return this.#isHurried() ? Math.min(until, this.#ejectedAt + defaults.hurriedEjection) : until
  }

  /** When the next trial may be made, to tell the least bad of several; 0 when it is not ejected. */
  get availableAt(): number {
    const state = this.#state
    if (state.kind === 'open') return this.#endOf(state)
    return state.kind === 'trial' ? Number.POSITIVE_INFINITY : 0
  }

  /** A request is about to be sent. */
  begin(): Pass {
    const state = this.#state
    const trial = state.kind === 'open' && this.available
    if (trial) {
      this.#become({ kind: 'trial', since: state.since, ejections: state.ejections, reason: state.reason })
    }
    this.#running++
    return { breaker: this, trial, epoch: this.#epoch }
  }

  /** The request is over, before it is said how. */
  end(): void {
    this.#running--
  }

  /**
   * @param pass Of a request that began before there was a breaker, {@link UNCOUNTED}.
   * @param crowded Whether requests wait: they must not all come at once, so that it does not count as back yet.
   */
  succeed({ epoch }: Pick<Pass, 'epoch'>, crowded = false): void {
    const state = this.#state
    // A request from before the ejection proves nothing of what has been since.
    if (epoch !== this.#epoch) return
    if (state.kind === 'closed') this.#become({ kind: 'closed', failures: 0 })
    else if (state.kind === 'recovering')
      this.#recover(state.since, state.limit + 1, state.ejections, crowded)
    else this.#recover(this.#clock.now(), 2, state.ejections)
  }

  /** @param certain Whether one failure is enough. */
  fail(reason: string, pass: Pick<Pass, 'trial' | 'epoch'>, certain = false): void {
    const state = this.#state
    if (state.kind === 'trial' && pass.trial) this.#eject(reason, state.ejections + 1, state.since)
    // Requests that were on their way when it was ejected say nothing new.
    if (pass.epoch !== this.#epoch) return
    if (state.kind === 'closed' || state.kind === 'recovering') {
      const failures = state.failures + 1
      if (certain || failures >= defaults.ejectAfter)
        this.#eject(reason, this.#inARow(state) + 1, this.#clock.now())
      else if (state.kind === 'closed') this.#become({ kind: 'closed', failures })
      else this.#become({ ...state, failures, limit: Math.max(1, Math.floor(state.limit / 2)) })
    }
  }

  /** Lets the next request be the trial, however long the ejection is. @returns Whether that is sooner. */
  tryNow(): boolean {
    const [state, now] = [this.#state, this.#clock.now()]
    if (state.kind !== 'open' || this.#endOf(state) <= now) return false
    this.#state = { ...state, until: now }
    return true
  }

  /** The trial ended without a verdict, as when its client left: the next request is the trial. No event is emitted. */
  abandon(): void {
    const state = this.#state
    if (state.kind === 'trial') this.#state = { ...state, kind: 'open', until: this.#clock.now() }
  }

  /** It was away and can be reached again: it starts slowly. An ejection stays what it is. */
  startSlowly(): void {
    if (this.#state.kind === 'closed') this.#recover(this.#clock.now(), 1, 0)
  }

  #recover(since: number, grown: number, ejections: number, crowded = false): void {
    const limit = Math.min(grown, defaults.slowStart)
    if (grown > limit && !crowded) this.#become({ kind: 'closed', failures: 0 })
    else this.#become({ kind: 'recovering', since, limit, failures: 0, ejections })
  }

  /** Ejections in a row. A healthy period as long as the last ejection resets the count. */
  #inARow(state: BreakerState): number {
    if (state.kind !== 'recovering') return 0
    return this.#clock.now() - state.since < timeOf(state.ejections) ? state.ejections : 0
  }

  #eject(reason: string, ejections: number, since: number): void {
    const time = timeOf(ejections)
    const jitter = 1 + defaults.ejectionJitter * (2 * this.#random() - 1)
    this.#epoch++
    this.#ejectedAt = this.#clock.now()
    this.#become({ kind: 'open', since, until: this.#clock.now() + time * jitter, ejections, reason })
  }

  #become(state: BreakerState): void {
    const before = this.#state
    this.#state = state
    if (before.kind !== state.kind) this.#onChange(before, state)
  }
}

/** How long the last of so many ejections in a row takes, without jitter, in milliseconds. */
function timeOf(ejections: number): number {
  return Math.min(defaults.ejectionTime * 2 ** (ejections - 1), defaults.longestEjection)
}
