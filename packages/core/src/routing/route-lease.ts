import type { Backend, Slot } from '../backend/backend.ts'
import type { Timeouts } from '../config/timeouts.ts'
import { isProven } from './decide.ts'
import type { Lease, Place } from './lease.ts'
import { type Choice, isThere } from './look.ts'

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
  readonly decide: Slot['decide']
  readonly hedges: number
  readonly #routes: RoutesInForce
  readonly #mayHold: boolean
  #choice: Choice

  /** @param mayHold Whether requests wait at all. */
  constructor(routes: RoutesInForce, choice: Choice, backend: Backend, mayHold: boolean) {
    const { route } = choice
    const { trial, release, decide } = backend.reserve(choice.job, choice.kind, choice.priority > 0)
    this.backend = backend
    this.route = route.name
    this.timeouts = route.timeoutsOf(backend)
    this.place = choice.place
    this.trial = trial
    this.release = release
    this.decide = decide
    this.hedges = route.hedge?.max ?? 0
    this.#routes = routes
    this.#mayHold = mayHold
    this.#choice = choice
  }

  get retries(): number {
    return this.#now.route.retries
  }

  get bulk(): boolean {
    return this.#choice.priority <= 0
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
    return this.#others().some(isProven)
  }

  usableOthers(tried: readonly string[]): number {
    return this.#others().filter(({ id }) => !tried.includes(id)).length
  }

  isRefusedByAll(refused: readonly string[]): boolean {
    const [all, { job }] = [this.#all, this.#now]
    return (
      all.length > 0 &&
      all.every((backend) => (refused.includes(backend.id) ? !backend.hasServed(job) : backend.refuses(job)))
    )
  }

  isCredible(): boolean {
    const { job } = this.#now
    const others = this.#all.filter((other) => other !== this.backend && !other.refuses(job))
    return others.length === 0 || this.backend.hasServed(job)
  }

  /** The other candidates that can be used now, or as soon as a request there ends. */
  #others(): readonly Backend[] {
    const { job, priority } = this.#now
    return this.#all.filter((other) => other !== this.backend && isThere(other.obstacle(job, priority > 0)))
  }

  /** Every candidate, also those that this selection excludes since they have failed the request. */
  get #all(): readonly Backend[] {
    const { route, tasks } = this.#now
    return route.members.serving(tasks)
  }

  get #now(): Choice {
    this.#choice = this.#routes.renewed(this.#choice)
    return this.#choice
  }
}
