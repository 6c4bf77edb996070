import type { Backend, Slot } from '../backend/backend.ts'
import { NO_KEYS } from '../backend/job-keys.ts'
import { RESCUE_AFTER } from '../backend/latency/lateness.ts'
import type { Hedge } from '../config/resolve.ts'
import type { Timeouts } from '../config/timeouts.ts'
import { isAvailable } from './assess.ts'
import { isNamed, servingOf } from './candidates.ts'
import type { Lease, LeaseHedge, Place } from './lease.ts'
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
  readonly hedge: LeaseHedge | undefined
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
    this.#table = table
    this.#mayHold = mayHold
    this.#request = request
    if (route.hedge !== undefined) this.hedge = this.#hedgeOf(route.hedge)
    else if (request.priority > 0) this.hedge = this.#rescue
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

  usableOthers(tried: readonly string[]): readonly Backend[] {
    const request = this.#now
    return this.#all.filter(
      (other) => other !== this.backend && !tried.includes(other.id) && isAvailable(request, other),
    )
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

  #hedgeOf({ max, after }: Hedge): LeaseHedge {
    const { kind } = this.#request
    return {
      isRescue: false,
      max,
      lateAfter: () =>
        'time' in after ? after.time : this.backend.latency.percentile(kind, after.percentile),
      spare: (used) => this.#table.spare(this.#request, used),
    }
  }

  get #rescue(): LeaseHedge {
    const { backend, trial } = this
    const { kind, place } = this.#request
    return {
      isRescue: true,
      max: 1,
      lateAfter: () => (trial || backend.latency.isWarm(kind, place.since) ? RESCUE_AFTER : undefined),
      spare: (used) => this.#table.spare(this.#request, used),
    }
  }

  /** Every candidate, including backends excluded because they failed the request. */
  get #all(): readonly Backend[] {
    return servingOf(this.#now)
  }

  get #now(): RouteRequest {
    this.#request = this.#table.current(this.#request)
    return this.#request
  }
}

function isEnabled({ health }: Backend): boolean {
  return health.unresolved === undefined && health.obstacle(NO_KEYS)?.kind !== 'disabled'
}
