import type { Backend, Slot } from '../backend/backend.ts'
import { NO_KEYS } from '../backend/job-keys.ts'
import type { Timeouts } from '../config/timeouts.ts'
import { isPassing, isProven } from './assess.ts'
import { isNamed } from './candidates.ts'
import type { Lease, Place } from './lease.ts'
import type { RouteRequest } from './route-request.ts'
import type { RouteTable } from './route-table.ts'

/**
 * A lease by a route. What it says about this attempt is fixed; what it says about further attempts follows the policy in
 * force. A class, since making an object literal with these getters took several times as long.
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
  readonly #table: RouteTable
  readonly #mayHold: boolean
  #request: RouteRequest

  /** @param mayHold Whether requests may wait: not after `close()`. */
  constructor(table: RouteTable, request: RouteRequest, backend: Backend, mayHold: boolean) {
    const { route } = request
    const { trial, release, decide } = backend.reserve(request.job, request.kind, request.priority > 0)
    this.backend = backend
    this.route = route.name
    this.timeouts = route.timeoutsOf(backend)
    this.place = request.place
    this.trial = trial
    this.release = release
    this.decide = decide
    this.hedges = route.hedge?.max ?? 0
    this.#table = table
    this.#mayHold = mayHold
    this.#request = request
  }

  get retries(): number {
    return this.#now.route.retries
  }

  get bulk(): boolean {
    return this.#request.priority <= 0
  }

  get holds(): boolean {
    return this.#mayHold && this.#now.patience.hold !== undefined
  }

  left(tried: readonly string[]): number {
    const { backend, holds } = this
    const { exclude } = this.#now
    return this.#all.filter(
      (candidate) =>
        !isNamed(candidate, exclude) &&
        !tried.includes(candidate.id) &&
        (isEnabled(candidate) || (holds && candidate === backend)),
    ).length
  }

  lateAfter(): number | undefined {
    const after = this.#request.route.hedge?.after
    if (after === undefined || 'time' in after) return after?.time
    return this.backend.latency.percentile(this.#request.kind, after.percentile)
  }

  spare(used: readonly string[]): Lease | undefined {
    return this.#table.spare(this.#request, used)
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
      all.every((backend) =>
        refused.includes(backend.id)
          ? !backend.health.capabilities.hasServed(job)
          : backend.health.capabilities.refuses(job),
      )
    )
  }

  isCredible(): boolean {
    const { job } = this.#now
    const others = this.#all.filter(
      (other) => other !== this.backend && !other.health.capabilities.refuses(job),
    )
    return others.length === 0 || this.backend.health.capabilities.hasServed(job)
  }

  /** The other candidates that can take the request now, or as soon as a request there ends. */
  #others(): readonly Backend[] {
    const { job, priority } = this.#now
    return this.#all.filter((other) => {
      if (other === this.backend) return false
      const obstacle = other.health.obstacle(job, priority > 0)
      return obstacle === undefined || isPassing(obstacle)
    })
  }

  /** Every candidate, including backends excluded because they failed the request. */
  get #all(): readonly Backend[] {
    const { route, classification } = this.#now
    return route.members.serving(classification.tasks)
  }

  get #now(): RouteRequest {
    this.#request = this.#table.current(this.#request)
    return this.#request
  }
}

function isEnabled({ health }: Backend): boolean {
  return health.unresolved === undefined && health.obstacle(NO_KEYS)?.kind !== 'disabled'
}
