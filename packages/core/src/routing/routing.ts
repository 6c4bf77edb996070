import type { Pool } from '../backend/pool.ts'
import type { Classification } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import type { RouterError } from '../errors.ts'
import { explainMiss } from '../explain/explain-match.ts'
import type { Explanation, PassedRoute } from '../explain/explanation.ts'
import { WaitingLine } from '../queue/waiting-line.ts'
import type { CompiledRoute } from './compile-policy.ts'
import { Jobs } from './jobs.ts'
import type { HoldEvent, Lease, Place } from './lease.ts'
import type { Choice } from './look.ts'
import {
  type ExplainOptions,
  RouteSelection,
  type Rules,
  type SelectOptions,
  type Shared,
} from './route-selection.ts'
import type { RouteWait } from './route-wait.ts'

/** What is known of a route. */
export interface RouteInfo {
  readonly name: string
  /** Requests that wait, by why they began to: for a slot of backends that were full, or for backends that were away. */
  readonly waiting: Readonly<Record<HoldEvent['reason'], number>>
}

/** The routes in force, and what they share: one line for everybody who waits. */
export class Routing implements Shared {
  readonly pool: Pool
  readonly clock: Clock
  readonly onHold: ((event: HoldEvent) => void) | undefined
  readonly line: WaitingLine<Lease>
  readonly jobs = new Jobs()
  readonly queued = new Set<RouteWait>()
  #arrivals = 0
  #lastArrival = 0
  #closed: RouterError | undefined
  #suspended = false
  #selections: ReadonlyMap<CompiledRoute, RouteSelection> = new Map()

  constructor(pool: Pool, clock: Clock, onHold: ((event: HoldEvent) => void) | undefined) {
    this.pool = pool
    this.clock = clock
    this.onHold = onHold
    this.line = new WaitingLine(clock)
  }

  get routes(): readonly CompiledRoute[] {
    return [...this.#selections.keys()]
  }

  /** Requests that wait, by route; those of which none waits are not in it. */
  get held(): Readonly<Record<string, number>> {
    const held = new Map<string, number>()
    for (const { route, waits } of this.#selections.values())
      if (waits.size > 0) held.set(route.name, (held.get(route.name) ?? 0) + waits.size)
    return Object.fromEntries(held)
  }

  /** What is known of each route, in order. */
  get infos(): readonly RouteInfo[] {
    return [...this.#selections.values()].map(({ route, heldFor }) => ({
      name: route.name,
      waiting: heldFor,
    }))
  }

  /** Whether one more request may be held on any route. */
  get holds(): boolean {
    return [...this.#selections.values()].some(({ holds }) => holds)
  }

  get lastArrival(): number {
    return this.#lastArrival
  }

  get closed(): RouterError | undefined {
    return this.#closed
  }

  get suspended(): boolean {
    return this.#suspended
  }

  async select(classification: Classification, options: SelectOptions): Promise<Lease> {
    options.signal?.throwIfAborted()
    const place = options.place ?? this.#newPlace()
    // Those who wait come first; whom there is nothing for now does not keep others back.
    this.line.pokeIfDue()
    return this.of(classification).select(classification, place, options)
  }

  #newPlace(): Place {
    this.#lastArrival = this.clock.now()
    return { arrival: ++this.#arrivals, since: this.#lastArrival }
  }

  /** What would be decided for a request now, and why. It changes nothing. */
  explain(classification: Classification, options: ExplainOptions): Explanation {
    const place = { arrival: this.#arrivals + 1, since: this.clock.now() }
    const selections = [...this.#selections.values()]
    const passedRoutes: PassedRoute[] = []
    for (const [index, selection] of selections.entries()) {
      const { name, written } = selection.route
      const miss = explainMiss(written.match, classification)
      if (miss === undefined) {
        const explained = selection.explain(classification, place, options)
        return { ...explained, index, routes: selections.length, passedRoutes }
      }
      passedRoutes.push({ name, index, ...miss })
    }
    throw new TypeError('the last route of a policy takes everything')
  }

  /** The first route that takes it. */
  of(classification: Classification): RouteSelection {
    for (const selection of this.#selections.values())
      if (selection.route.takes(classification)) return selection
    throw new TypeError('the last route of a policy takes everything')
  }

  renewed(choice: Choice): Choice {
    return this.#selections.has(choice.route) ? choice : this.of(choice.classification).takeOver(choice)
  }

  spare(choice: Choice, used: readonly string[]): Lease | undefined {
    if (this.#closed !== undefined) return undefined
    this.line.poke()
    const now = this.renewed(choice)
    return this.#selections.get(now.route)?.spare(now, used)
  }

  /** These are the routes from now on, also of those who wait. */
  become(routes: readonly CompiledRoute[], rules: Rules): void {
    const before = [...this.#selections.values()]
    this.#selections = new Map(routes.map((route) => [route, new RouteSelection(route, rules, this)]))
    for (const { waits } of before)
      for (const wait of [...waits]) wait.move(({ classification }) => this.of(classification))
  }

  /** From now on new requests and those that wait go on waiting; those that were tried before may still get a lease. */
  suspend(): void {
    this.#suspended = true
  }

  /** Sends those who wait away, and lets nobody wait any more. */
  close(error: RouterError): void {
    this.#closed = error
    this.line.close(error)
  }
}
