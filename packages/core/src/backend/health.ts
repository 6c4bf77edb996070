import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { TlsError } from '../errors.ts'
import { Breaker, type BreakerState, type Run, UNCOUNTED } from './breaker.ts'
import type { FailureCause, Outcome } from './outcome.ts'

/** What the outcomes of requests say about a backend. Times are on the clock, in milliseconds. */
export interface PassiveHealth {
  /** Of the backend as a whole: whether it can be reached. */
  readonly reachable: BreakerState
  /** Of the tasks that fail there; a task that is not named is well. */
  readonly tasks: Readonly<Record<string, BreakerState>>
  /** Tasks that it has said it does not have, and until when that is believed. */
  readonly lacks: Readonly<Record<string, number>>
  /** Until when it has asked to be left alone; 0 when it has not. */
  readonly busyUntil: number
  readonly lastError: LastError | undefined
  /** Requests that have failed there, of all time. */
  readonly failures: number
  /** How often it, or a task on it, was ejected, of all time. */
  readonly ejections: number
}

/** The last failure of a request there. */
export interface LastError {
  readonly time: number
  readonly reason: string
}

/** What has changed about a backend as its requests see it. */
export type PassiveChange =
  | {
      /** It, or a task on it, was ejected, is tried again, recovers, or is back. */
      readonly kind: 'breaker'
      /** `undefined` when it is the backend as a whole. */
      readonly task: string | undefined
      readonly from: BreakerState
      readonly to: BreakerState
    }
  | {
      /** It has said that it does not have a task. */
      readonly kind: 'lacks'
      readonly task: string
      readonly until: number
    }
  | {
      /** It has asked to be left alone. */
      readonly kind: 'busy'
      readonly until: number
    }

/** Why a request cannot go to a backend now, and when that may change by itself. */
export interface Obstacle {
  readonly kind:
    | 'full'
    | 'recovering'
    /** Its name is being resolved for the first time. */
    | 'resolving'
    | 'busy'
    | 'ejected'
    | 'down'
    | 'lacks'
    /** Its name has no address. */
    | 'unresolved'
    | 'disabled'
  /** On the clock; `Infinity` when only an event can change it. */
  readonly until: number
}

/** One request's place in the books. */
export interface Ticket {
  readonly tasks: readonly string[]
  readonly runs: readonly Run[]
  /** On the clock. */
  readonly began: number
}

/** What an outcome says: nothing, when it was not the backend's doing. */
export type Verdict =
  | { readonly kind: 'nothing' | 'well' | 'lacks' }
  | { readonly kind: 'busy'; readonly time: number }
  | { readonly kind: 'unreachable' | 'task-failed'; readonly reason: string }

/** Neither is the backend's doing, nor anything that its probes have not said already. */
const SAY_NOTHING: ReadonlySet<FailureCause> = new Set(['total-timeout', 'shutdown', 'stale', 'gone'])

/** @param ejecting Statuses that are a failure of the backend. */
export function verdictOf(
  outcome: Outcome | undefined,
  ejecting: ReadonlySet<number> = new Set(defaults.ejectingStatuses),
): Verdict {
  switch (outcome?.kind) {
    case 'answered':
    case 'passed-over': {
      const { kind, status } = outcome
      if (ejecting.has(status)) return { kind: 'task-failed', reason: `status ${status}` }
      if (status === 501 || outcome.lacksTask === true) return { kind: 'lacks' }
      if (status === 429) return { kind: 'busy', time: outcome.retryAfter ?? defaults.busyTime }
      // A failure that does not eject must not be asked for again at once.
      return kind === 'passed-over' && status >= 500
        ? { kind: 'busy', time: defaults.busyTime }
        : { kind: 'well' }
    }
    case 'failed':
      if (SAY_NOTHING.has(outcome.cause)) return { kind: 'nothing' }
      return {
        kind: outcome.reachedBackend ? 'task-failed' : 'unreachable',
        reason: outcome.error instanceof TlsError ? outcome.error.message : outcome.cause,
      }
    default:
      return { kind: 'nothing' }
  }
}

/**
 * Passive health: a backend that cannot be reached is ejected as a whole, one that fails at OCR goes on serving CLIP.
 */
export class Health {
  readonly #clock: Clock
  readonly #onChange: (change: PassiveChange) => void
  #ejecting: ReadonlySet<number> | undefined
  readonly #reachable: Breaker
  /** Only those that have failed: names come from clients, and must not fill the memory. */
  readonly #tasks = new Map<string, Breaker>()
  readonly #lacks = new Map<string, number>()
  #busyUntil = 0
  #lastError: LastError | undefined
  #lastVainTry = Number.NEGATIVE_INFINITY
  #failures = 0
  #ejections = 0

  constructor(
    clock: Clock,
    onChange: (change: PassiveChange) => void = () => {},
    ejecting?: ReadonlySet<number>,
  ) {
    this.#clock = clock
    this.#onChange = onChange
    this.#ejecting = ejecting
    this.#reachable = this.#breaker(undefined)
  }

  /** Other statuses are a failure of the backend from now on. */
  ejectOn(statuses: ReadonlySet<number> | undefined): void {
    this.#ejecting = statuses
  }

  get status(): PassiveHealth {
    const tasks = Object.fromEntries([...this.#tasks].map(([task, breaker]) => [task, breaker.state]))
    return {
      reachable: this.#reachable.state,
      tasks,
      lacks: Object.fromEntries(this.#lacks),
      busyUntil: this.#busyUntil,
      lastError: this.#lastError,
      failures: this.#failures,
      ejections: this.#ejections,
    }
  }

  /** Requests that have failed there, of all time. */
  get failures(): number {
    return this.#failures
  }

  /** Why no request with these tasks can be sent now. */
  obstacle(tasks: readonly string[]): Obstacle | undefined {
    if (this.isWell) return undefined
    const now = this.#clock.now()
    if (this.#lacks.size > 0) {
      const until = Math.max(0, ...tasks.map((task) => this.#lacks.get(task) ?? 0))
      if (now < until) return { kind: 'lacks', until }
    }
    const breakers = this.#breakers(tasks)
    if (breakers.some(({ state, available }) => !available && state.kind !== 'recovering'))
      return { kind: 'ejected', until: Math.max(...breakers.map(({ availableAt }) => availableAt)) }
    if (now < this.#busyUntil) return { kind: 'busy', until: this.#busyUntil }
    if (breakers.some(({ available }) => !available))
      return { kind: 'recovering', until: Number.POSITIVE_INFINITY }
    return undefined
  }

  /** Whether a breaker for these tasks lets through one request at a time. */
  isRare(tasks: readonly string[]): boolean {
    return !this.isWell && this.#breakers(tasks).some(({ state }) => state.kind !== 'closed')
  }

  /** Whether it cannot be reached, as far as requests have seen. */
  get unreachable(): boolean {
    const { kind } = this.#reachable.state
    return kind === 'open' || kind === 'trial'
  }

  /** When the last of those began that could not reach it, on the clock. */
  get lastVainTry(): number {
    return this.#lastVainTry
  }

  /** Something that began at this time, on the clock, could not reach it. */
  triedInVain(began: number): void {
    this.#lastVainTry = Math.max(this.#lastVainTry, began)
  }

  /** Whether no request has failed there for so long, in milliseconds, and it has not asked to be left alone. */
  wellFor(time: number): boolean {
    const now = this.#clock.now()
    return now >= this.#busyUntil && (this.#lastError === undefined || now - this.#lastError.time >= time)
  }

  begin(tasks: readonly string[]): Ticket {
    const runs = this.#breakers(tasks).map((breaker) => breaker.begin())
    return { tasks, runs, began: this.#clock.now() }
  }

  /**
   * @param crowded Whether requests wait for the backend.
   * @returns What the outcome was taken to say.
   */
  record({ tasks, runs, began }: Ticket, outcome: Outcome | undefined, crowded = false): Verdict {
    const verdict = verdictOf(outcome, this.#ejecting)
    for (const { breaker } of runs) breaker.end()
    const runOf = (breaker: Breaker) => runs.find((run) => run.breaker === breaker) ?? UNCOUNTED
    if (verdict.kind === 'unreachable' || verdict.kind === 'task-failed') {
      this.#failures++
      this.#lastError = { time: this.#clock.now(), reason: verdict.reason }
    }
    switch (verdict.kind) {
      case 'well':
        this.#reachable.succeed(runOf(this.#reachable), crowded)
        for (const task of tasks) this.#taskSucceeded(task, runOf, crowded)
        if (outcome?.kind === 'answered' && outcome.status < 400)
          for (const task of tasks) this.#lacks.delete(task)
        break
      case 'unreachable':
        this.triedInVain(began)
        this.#reachable.fail(verdict.reason, runOf(this.#reachable))
        // A task that was to be tried has failed its trial, whatever kept the request from it.
        for (const run of runs)
          if (run.trial && run.breaker !== this.#reachable) run.breaker.fail(verdict.reason, run)
        break
      case 'task-failed':
        this.#reachable.succeed(runOf(this.#reachable), crowded)
        for (const task of tasks) {
          const breaker = this.#breakerOf(task)
          breaker?.fail(verdict.reason, runOf(breaker))
        }
        break
      case 'lacks':
        this.#remember(tasks)
        break
      case 'busy':
        this.#busyUntil = this.#clock.now() + verdict.time
        this.#onChange({ kind: 'busy', until: this.#busyUntil })
    }
    for (const run of runs) if (run.trial) run.breaker.abandon()
    return verdict
  }

  /** It was away and can be reached again. */
  startSlowly(): void {
    this.#reachable.startSlowly()
  }

  #taskSucceeded(task: string, runOf: (breaker: Breaker) => Pick<Run, 'epoch'>, crowded: boolean): void {
    const breaker = this.#tasks.get(task)
    if (breaker === undefined) return
    breaker.succeed(runOf(breaker), crowded)
    if (breaker.state.kind === 'closed') this.#tasks.delete(task)
  }

  /** Of several tasks it is not known which one is missing. */
  #remember([task, ...others]: readonly string[]): void {
    if (task === undefined || others.length > 0) return
    const now = this.#clock.now()
    for (const [name, until] of this.#lacks) if (until <= now) this.#lacks.delete(name)
    if (this.#lacks.size >= defaults.mostTasks && !this.#lacks.has(task)) return
    const until = now + defaults.lackTime
    const known = this.#lacks.has(task)
    this.#lacks.set(task, until)
    if (!known) this.#onChange({ kind: 'lacks', task, until })
  }

  /** Nothing is known against it, as is so nearly always. */
  get isWell(): boolean {
    return (
      this.#tasks.size === 0 &&
      this.#lacks.size === 0 &&
      this.#busyUntil === 0 &&
      this.#reachable.state.kind === 'closed'
    )
  }

  #breakers(tasks: readonly string[]): Breaker[] {
    const breakers = [this.#reachable]
    if (this.#tasks.size === 0) return breakers
    for (const task of tasks) {
      const breaker = this.#tasks.get(task)
      if (breaker !== undefined) breakers.push(breaker)
    }
    return breakers
  }

  #breakerOf(task: string): Breaker | undefined {
    const known = this.#tasks.get(task)
    if (known !== undefined || this.#tasks.size >= defaults.mostTasks) return known
    const made = this.#breaker(task)
    this.#tasks.set(task, made)
    return made
  }

  #breaker(task: string | undefined): Breaker {
    return new Breaker(this.#clock, (from, to) => {
      if (to.kind === 'open') this.#ejections++
      this.#onChange({ kind: 'breaker', task, from, to })
    })
  }
}
