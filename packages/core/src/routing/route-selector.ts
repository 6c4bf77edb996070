import { defaults } from '../config/defaults.ts'
import type { Queue } from '../config/resolve.ts'
import { HoldError, NoBackendError, type RouterError } from '../errors.ts'
import type { TryServe } from '../queue/request-queue.ts'
import type { CompiledRoute } from './compile-policy.ts'
import { type Decision, decide, type RoutingState } from './decide.ts'
import { jobNames, keysOf } from './jobs.ts'
import type { HoldEvent, Lease, Place } from './lease.ts'
import { longer, mostBulkHeld, type Patience } from './patience.ts'
import { RouteLease } from './route-lease.ts'
import type { Routable, RouteRequest } from './route-request.ts'
import type { RouteTable } from './route-table.ts'
import { RouteWait } from './route-wait.ts'
import { RouteWaits } from './route-waits.ts'
import type { ExplainOptions, SelectOptions } from './select-options.ts'
import type { TenantOf } from './tenant.ts'

const NONE: ReadonlySet<string> = new Set()
const unknownSize = () => 0
const always = () => true

/** A decision, and what it was made from. */
export interface Decided {
  readonly request: RouteRequest
  readonly decision: Decision
  readonly state: RoutingState
  /** Requests of the route that wait. */
  readonly waiting: number
}

/** The rules that all routes of a policy share. */
export interface Rules {
  readonly queue: Queue
  /** The highest priority that a request can have. */
  readonly mostUrgent: number
  /** The tenant of a request; `undefined` when there are none. */
  readonly tenantOf?: TenantOf | undefined
}

/** Selects backends for the requests of one route: commits what `decide` says. */
export class RouteSelector {
  readonly route: CompiledRoute
  readonly waits = new RouteWaits<RouteWait>()
  readonly #rules: Rules
  readonly #table: RouteTable
  readonly #patience: Readonly<Record<'bulk' | 'interactive', Patience>>

  constructor(route: CompiledRoute, rules: Rules, table: RouteTable) {
    this.route = route
    this.#rules = rules
    this.#table = table
    const { maxWait } = rules.queue
    this.#patience = {
      bulk: { hold: route.hold?.bulk, maxWait },
      interactive: { hold: route.hold?.interactive, maxWait },
    }
  }

  /** Requests that wait, by why they began to. */
  get waitingFor(): Readonly<Record<HoldEvent['reason'], number>> {
    const { held, size } = this.waits
    return { full: size - held, unavailable: held }
  }

  /** Whether one more request may be held. */
  get holds(): boolean {
    return this.#table.closed === undefined && (this.#mayHold(false) || this.#mayHold(true))
  }

  #mayHold(isInteractive: boolean): boolean {
    const { hold } = this.route
    if (hold === undefined) return false
    const { held, heldBulk } = this.waits
    return held < hold.maxHeld && (isInteractive || heldBulk < mostBulkHeld(hold))
  }

  /** A lease now, or once a backend can take the request. @throws {RouterError} when it is rejected. */
  select(routable: Routable, place: Place, options: SelectOptions): Lease | Promise<Lease> {
    const request = this.#requestOf(routable, place, options)
    const { decision } = this.#decide(request, options.place === undefined)
    if (decision.kind === 'forward') return this.#commit(request, decision)
    if (decision.kind === 'reject') throw rejection(request, decision)
    // A listener may have reloaded the policy when it got the decision.
    const selector = this.#table.selectorOf(routable, this)
    if (selector !== this) return selector.select(routable, place, { ...options, place })
    return new RouteWait(this.#table, this, request, decision, options).lease()
  }

  /** What would be decided now. It changes nothing. */
  decide(routable: Routable, place: Place, options: ExplainOptions): Decided {
    return this.#decide(this.#requestOf(routable, place, options), true)
  }

  /** Serves a queued request, or says when to try again. */
  tryServe(request: RouteRequest): ReturnType<TryServe<Lease>> {
    if (!request.isReady()) return { retryAt: Number.POSITIVE_INFINITY }
    const { decision } = this.#decide(request, false)
    if (decision.kind === 'forward') return { served: this.#commit(request, decision) }
    if (decision.kind === 'reject') throw rejection(request, decision)
    return { retryAt: decision.retryAt }
  }

  #decide(request: RouteRequest, isNew: boolean): Decided {
    const { context, queue, lastArrival, isDraining } = this.#table
    const now = context.clock.now()
    const state: RoutingState = {
      now,
      queued: queue.length === 0 ? 0 : queue.countOf(this.headStartOf(request)),
      sinceLast: isNew ? 0 : now - lastArrival,
      isDraining,
      refusal: (wait) => this.#refusal(request, wait, isNew),
    }
    const decided = { request, state, decision: decide(request, state), waiting: this.waits.size }
    request.onDecision?.(decided)
    return decided
  }

  #requestOf({ classification, head, tenant }: Routable, place: Place, options: SelectOptions): RouteRequest {
    const { route } = this
    const { exclude, avoid, retry = false, relaxes = false, notBefore = 0, onDecision } = options
    const { isReady = always, size = unknownSize } = options
    const names = jobNames(classification)
    const priority = route.priorityOf(classification)
    const patience = this.#patience[priority > 0 ? 'interactive' : 'bulk']
    return {
      classification,
      head,
      tenant,
      route,
      patience: place.patience === undefined ? patience : longer(place.patience, patience),
      kind: names.kind,
      models: names.models,
      job: keysOf(names, classification, size, isReady),
      priority,
      exclude: exclude === undefined ? NONE : new Set(exclude),
      avoid: avoid === undefined ? NONE : new Set(avoid),
      retry,
      isReady,
      notBefore,
      relaxes,
      place,
      onDecision,
    }
  }

  /** The same request on this route, after a reload or when its exclusions have changed. Its waits do not become shorter. */
  adopt(request: RouteRequest): RouteRequest {
    const { route } = this
    const { classification, place } = request
    const priority = route.priorityOf(classification)
    const patience = this.#patience[priority > 0 ? 'interactive' : 'bulk']
    return {
      ...request,
      route,
      patience: place.patience === undefined ? patience : longer(place.patience, patience),
      priority,
    }
  }

  #refusal({ priority }: RouteRequest, wait: 'queue' | 'hold', isNew: boolean): RouterError | undefined {
    const { closed, queued } = this.#table
    if (closed !== undefined) return closed
    // A request that was accepted once is not refused when it is retried.
    if (!isNew) return undefined
    if (wait === 'hold')
      return this.#mayHold(priority > 0)
        ? undefined
        : new HoldError(
            'hold-full',
            `Route "${this.route.name}" holds ${counted(this.waits.held)} (hold.maxHeld).`,
          )
    return queued.size < this.#rules.queue.maxLength
      ? undefined
      : new HoldError('queue-full', `${counted(queued.size)} queued for a slot (queue.maxLength).`)
  }

  /** A lease for a hedge of a request, on a backend that can take it now; it does not wait. */
  spare(request: RouteRequest, used: readonly string[]): Lease | undefined {
    if (this.route.hedge === undefined && request.priority <= 0) return undefined
    const rare = this.route.members.current.filter((backend) => backend.health.isRare(request.job))
    const exclude = new Set([...request.exclude, ...used, ...rare.map(({ id }) => id)])
    const hedge = { ...request, exclude, avoid: NONE, retry: true, notBefore: 0, onDecision: undefined }
    const { decision } = this.#decide(hedge, false)
    return decision.kind === 'forward' && !decision.isLeastBad ? this.#commit(request, decision) : undefined
  }

  #commit(request: RouteRequest, decision: Extract<Decision, { kind: 'forward' }>): Lease {
    const { backend, isLeastBad, assessments } = decision
    const { strategy, isOrdered } = this.route
    for (const { backend: other, state } of assessments) {
      if (other === backend && !isLeastBad) {
        if (isOrdered) break
      } else if (state === 'unavailable') other.demand.want(request.priority > 0)
    }
    if (!isLeastBad) strategy.picked?.(backend)
    return new RouteLease(this.#table, request, backend, this.#table.closed === undefined)
  }

  headStartOf({ priority }: Pick<RouteRequest, 'priority'>): number {
    const { mostUrgent, queue } = this.#rules
    return ((priority / mostUrgent) * Math.min(queue.maxWait, defaults.longestHeadStart)) / 2
  }
}

/** A request that no backend can take now may still wake one for the next. */
function rejection(
  { priority }: RouteRequest,
  { error, assessments }: Extract<Decision, { kind: 'reject' }>,
): RouterError {
  if (error instanceof NoBackendError)
    for (const { backend, state } of assessments)
      if (state === 'unavailable') backend.demand.want(priority > 0)
  return error
}

function counted(count: number): string {
  return `${count} request${count === 1 ? '' : 's'}`
}
