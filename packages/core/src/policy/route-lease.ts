import type { Backend, Slot } from '../backend/backend.ts'
import { isProven } from './decide.ts'
import type { Lease, Place } from './lease.ts'
import { type Choice, isThere } from './look.ts'
import type { Timeouts } from './timeouts.ts'

/** The routes that there are, as a lease asks them: they may be others than when it was taken. */
export interface RoutesInForce {
  /** The choice that its request has now: the same, unless the policy has changed. */
  renewed(choice: Choice): Choice
  /** A lease for a further copy of the request, where it can go now. */
  spare(choice: Choice, used: readonly string[]): Lease | undefined
}

/**
 * A lease by a route. What it says of the attempt stays as it was; what it says of others is by the policy in force. A
 * class, for its getters: as an object literal it took several times as long to make.
 */
export class RouteLease implements Lease {
  readonly backend: Backend
  readonly route: string
  readonly timeouts: Timeouts
  readonly place: Place
  readonly trial: boolean
  readonly release: Slot['release']
  readonly hedges: number
  readonly #routes: RoutesInForce
  readonly #mayHold: boolean
  #choice: Choice

  /** @param mayHold Whether requests wait at all. */
  constructor(routes: RoutesInForce, choice: Choice, backend: Backend, mayHold: boolean) {
    const { route } = choice
    const { trial, release } = backend.reserve(choice.tasks, choice.kind, choice.priority > 0)
    this.backend = backend
    this.route = route.name
    this.timeouts = route.timeoutsOf(backend)
    this.place = choice.place
    this.trial = trial
    this.release = release
    this.hedges = route.hedge?.max ?? 0
    this.#routes = routes
    this.#mayHold = mayHold
    this.#choice = choice
  }

  get retries(): number {
    return this.#now.route.retries
  }

  get holds(): boolean {
    return this.#mayHold && this.#now.patience.hold !== undefined
  }

  left(tried: readonly string[]): number {
    const { backend, holds } = this
    return this.#now.candidates.now.filter(
      (candidate) => !tried.includes(candidate.id) && (candidate.enabled || (holds && candidate === backend)),
    ).length
  }

  lateAfter(): number | undefined {
    const after = this.#choice.route.hedge?.after
    if (after === undefined || 'time' in after) return after?.time
    return this.backend.percentile(this.#choice.kind, after.percentile)
  }

  spare(used: readonly string[]): Lease | undefined {
    return this.#routes.spare(this.#choice, used)
  }

  provenOther(): boolean {
    const { candidates, tasks, priority } = this.#now
    return candidates.now.some(
      (other) => other !== this.backend && isThere(other.obstacle(tasks, priority > 0)) && isProven(other),
    )
  }

  get #now(): Choice {
    this.#choice = this.#routes.renewed(this.#choice)
    return this.#choice
  }
}
