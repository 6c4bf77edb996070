import type { Pool } from '../backend/pool.ts'
import { callSafely } from '../call-safely.ts'
import type { Classification } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import type { RouterError } from '../errors.ts'
import { headOf } from '../incoming-message.ts'
import { RequestQueue } from '../queue/request-queue.ts'
import type { CompiledRoute } from './compile-policy.ts'
import type { HoldEvent, Lease, Place } from './lease.ts'
import type { Routable, RouteRequest } from './route-request.ts'
import { type Decided, RouteSelector, type Rules } from './route-selector.ts'
import type { RouteWait } from './route-wait.ts'
import type { ExplainOptions } from './select-options.ts'
import type { TenantOf } from './tenant.ts'

/** What the routes of every policy share. */
export interface RoutingContext {
  readonly pool: Pool
  readonly clock: Clock
  readonly onHold: (event: HoldEvent) => void
}

/** The routes in force, and what they share: one queue for all requests that wait. */
export class RouteTable {
  readonly context: RoutingContext
  readonly queue: RequestQueue<Lease>
  /** The requests that wait for a slot, on any route. */
  readonly queued = new Set<RouteWait>()
  #arrivals = 0
  #lastArrival = 0
  #closed: RouterError | undefined
  #isDraining = false
  #selectors: ReadonlyMap<CompiledRoute, RouteSelector> = new Map()
  #tenantOf: TenantOf | undefined

  constructor(context: RoutingContext) {
    this.context = context
    this.queue = new RequestQueue(context.clock)
  }

  get selectors(): readonly RouteSelector[] {
    return [...this.#selectors.values()]
  }

  /** The error for requests that would have to wait, once the table is closed. */
  get closed(): RouterError | undefined {
    return this.#closed
  }

  /** Whether requests without an earlier attempt wait for `close()`. */
  get isDraining(): boolean {
    return this.#isDraining
  }

  /** When the last request arrived, on the clock. */
  get lastArrival(): number {
    return this.#lastArrival
  }

  /** The place in the queue of a request that arrives now. */
  arrive(): Place {
    this.#lastArrival = this.context.clock.now()
    return { arrival: ++this.#arrivals, since: this.#lastArrival }
  }

  /** What would be decided for a new request now. It changes nothing. */
  decide(classification: Classification, options: ExplainOptions): Decided {
    const place = { arrival: this.#arrivals + 1, since: this.context.clock.now() }
    const routable = { classification, head: headOf(options.request), tenant: undefined }
    return this.selectorOf(routable).decide(routable, place, options)
  }

  /** The first route that matches. @param known The selector of an earlier match: the result while its route is in force. */
  selectorOf({ classification, head }: Routable, known?: RouteSelector): RouteSelector {
    if (known !== undefined && this.#selectors.has(known.route)) return known
    for (const selector of this.#selectors.values())
      if (selector.route.takes(classification, head)) return selector
    throw new TypeError('the last route of a policy matches every request')
  }

  /**
   * The request on the route that matches it now: the same object, unless the policy has changed, and also if a match in code
   * throws. Timers and sockets call it, so it never throws.
   */
  current(request: RouteRequest): RouteRequest {
    if (this.#selectors.has(request.route)) return request
    try {
      return this.selectorOf(request).adopt(request)
    } catch {
      return request
    }
  }

  /** A lease for a hedge of a request, on a backend that can take it now. A timer calls it, so it never throws. */
  spare(request: RouteRequest, used: readonly string[]): Lease | undefined {
    if (this.#closed !== undefined) return undefined
    this.queue.wake()
    const current = this.current(request)
    let lease: Lease | undefined
    // A strategy in code may throw.
    callSafely(() => {
      lease = this.#selectors.get(current.route)?.spare(current, used)
    })
    return lease
  }

  /** The tenant of a request; `undefined` when the policy has no tenants. */
  get tenantOf(): TenantOf | undefined {
    return this.#tenantOf
  }

  /** Puts other routes in force, for waiting requests as well. */
  replace(routes: readonly CompiledRoute[], rules: Rules): void {
    this.#tenantOf = rules.tenantOf
    const before = this.selectors
    this.#selectors = new Map(routes.map((route) => [route, new RouteSelector(route, rules, this)]))
    for (const { waits } of before)
      for (const wait of [...waits]) wait.move((request) => this.selectorOf(request))
  }

  /** From now on, requests without an earlier attempt wait for `close()`. */
  drain(): void {
    this.#isDraining = true
  }

  /** Ends every wait with this error, and lets no request wait any longer. */
  close(error: RouterError): void {
    this.#closed = error
    this.queue.close(error)
  }
}
