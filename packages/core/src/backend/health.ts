import type { Clock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { Breaker, type BreakerState } from './breaker.ts'
import type { Outcome } from './outcome.ts'

/** What the outcomes of requests say about a backend. */
export interface HealthStatus {
  /** Of the backend as a whole: whether it can be reached. */
  readonly reachable: BreakerState
  /** Of the tasks that fail there; a task that is not named is well. */
  readonly tasks: Readonly<Record<string, BreakerState>>
}

/** A backend, or a task on it, was ejected, is tried again, or is back. */
export interface HealthChange {
  /** `undefined` when it is the backend as a whole. */
  readonly task: string | undefined
  readonly from: BreakerState
  readonly to: BreakerState
}

/** One request's place in the books: which breakers it tries. */
export interface Ticket {
  readonly tasks: readonly string[]
  readonly trials: ReadonlySet<Breaker>
}

/** What an outcome says: nothing, when it was not the backend's doing. */
export type Verdict =
  | { readonly kind: 'nothing' | 'well' }
  | { readonly kind: 'unreachable' | 'task-failed'; readonly reason: string }

const EJECTING: ReadonlySet<number> = new Set(defaults.ejectingStatuses)

export function verdictOf(outcome: Outcome | undefined): Verdict {
  switch (outcome?.kind) {
    case 'answered':
    case 'passed-over':
      if (EJECTING.has(outcome.status)) return { kind: 'task-failed', reason: `status ${outcome.status}` }
      // Overloaded, or unable to do this task: neither ill nor proven well.
      return { kind: outcome.kind === 'answered' ? 'well' : 'nothing' }
    case 'failed':
      if (outcome.cause === 'total-timeout' || outcome.cause === 'shutdown') return { kind: 'nothing' }
      return { kind: outcome.reachedBackend ? 'task-failed' : 'unreachable', reason: outcome.cause }
    default:
      return { kind: 'nothing' }
  }
}

/**
 * Passive health: a backend that cannot be reached is ejected as a whole, one that fails at OCR goes on serving CLIP.
 */
export class Health {
  readonly #clock: Clock
  readonly #onChange: (change: HealthChange) => void
  readonly #reachable: Breaker
  /** Only those that have failed: names come from clients, and must not fill the memory. */
  readonly #tasks = new Map<string, Breaker>()

  constructor(clock: Clock, onChange: (change: HealthChange) => void = () => {}) {
    this.#clock = clock
    this.#onChange = onChange
    this.#reachable = new Breaker(clock, (from, to) => onChange({ task: undefined, from, to }))
  }

  get status(): HealthStatus {
    const tasks = Object.fromEntries([...this.#tasks].map(([task, breaker]) => [task, breaker.state]))
    return { reachable: this.#reachable.state, tasks }
  }

  available(tasks: readonly string[]): boolean {
    return this.#breakers(tasks).every((breaker) => breaker.available)
  }

  availableAt(tasks: readonly string[]): number {
    return Math.max(...this.#breakers(tasks).map((breaker) => breaker.availableAt))
  }

  begin(tasks: readonly string[]): Ticket {
    return { tasks, trials: new Set(this.#breakers(tasks).filter((breaker) => breaker.begin())) }
  }

  record({ tasks, trials }: Ticket, outcome: Outcome | undefined): void {
    const verdict = verdictOf(outcome)
    switch (verdict.kind) {
      case 'nothing':
        for (const breaker of trials) breaker.abandon()
        return
      case 'well':
        this.#reachable.succeed()
        for (const task of tasks) {
          this.#tasks.get(task)?.succeed()
          this.#tasks.delete(task)
        }
        return
      case 'unreachable':
        this.#reachable.fail(verdict.reason, trials.has(this.#reachable))
        // A task that was to be tried has failed its trial, whatever kept the request from it.
        for (const breaker of trials) if (breaker !== this.#reachable) breaker.fail(verdict.reason, true)
        return
      case 'task-failed':
        this.#reachable.succeed()
        for (const task of tasks) {
          const breaker = this.#breakerOf(task)
          breaker?.fail(verdict.reason, trials.has(breaker))
        }
    }
  }

  #breakers(tasks: readonly string[]): Breaker[] {
    return [this.#reachable, ...tasks.flatMap((task) => this.#tasks.get(task) ?? [])]
  }

  #breakerOf(task: string): Breaker | undefined {
    const known = this.#tasks.get(task)
    if (known !== undefined || this.#tasks.size >= defaults.mostTasks) return known
    const made = new Breaker(this.#clock, (from, to) => this.#onChange({ task, from, to }))
    this.#tasks.set(task, made)
    return made
  }
}
