import type { Classification } from '../classify/classification.ts'
import type { Heartbeats, SearchCache } from '../config/resolve.ts'
import type { RequestHead } from '../incoming-message.ts'
import type { CompiledRoute } from './compile-policy.ts'
import type { Lease, Place } from './lease.ts'
import type { Routable } from './route-request.ts'
import type { RouteSelector } from './route-selector.ts'
import type { RouteTable } from './route-table.ts'
import type { SelectOptions } from './select-options.ts'

/** A request on its route. The routes are matched once, and again only after a reload. */
export class RoutedRequest implements Routable {
  readonly classification: Classification
  readonly head: RequestHead
  /** The tenant that it arrived with; a reload does not change it. */
  readonly tenant: string | undefined
  readonly #table: RouteTable
  #matched: RouteSelector

  constructor(table: RouteTable, classification: Classification, head: RequestHead) {
    this.classification = classification
    this.head = head
    this.tenant = table.tenantOf?.(classification, head)
    this.#table = table
    this.#matched = table.selectorOf(this)
  }

  /** @throws what a match in code throws after a reload. */
  get #selector(): RouteSelector {
    this.#matched = this.#table.selectorOf(this, this.#matched)
    return this.#matched
  }

  /** Its route; the one before the reload if a match in code throws. Event handlers and timers read it, so it never throws. */
  get #route(): CompiledRoute {
    try {
      return this.#selector.route
    } catch {
      return this.#matched.route
    }
  }

  /** Name of the route. */
  get route(): string {
    return this.#route.name
  }

  /** The heartbeats of the route; none for an unclassified request, since its answer may not be JSON. */
  get heartbeats(): Heartbeats | undefined {
    return this.classification.classified ? this.#matched.route.heartbeats : undefined
  }

  /** Where the answers of text searches are saved. */
  get searchCache(): SearchCache | undefined {
    return this.#matched.route.searchCache
  }

  /** Whether it is a bulk request, of priority 0, on a route that holds requests. */
  get isHeldBulk(): boolean {
    const route = this.#route
    return route.hold !== undefined && route.priorityOf(this.classification) <= 0
  }

  /** As {@link Select} does. */
  async select(options: SelectOptions): Promise<Lease> {
    options.signal?.throwIfAborted()
    const place: Place = options.place ?? this.#table.arrive()
    // Queued requests come first. One that nothing is available for does not keep others back.
    if (this.#table.queue.length > 0) this.#table.queue.wakeIfDue()
    return this.#selector.select(this, place, options)
  }
}
