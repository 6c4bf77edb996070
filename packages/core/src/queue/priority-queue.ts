import { constants } from '../config/constants.ts'

/** The place of a request in the queue. Times are on the clock, in milliseconds. */
export interface Rank {
  /** A running number: the order among equals. */
  readonly arrival: number
  /** When the request first came. */
  readonly since: number
  /** The request goes before requests without a head start that came up to this many milliseconds earlier. */
  readonly headStart: number
  /** Requests of one head start take turns by tenant: that of the policy, or the address of the client. */
  readonly tenant: string
  /** Requests of one group have the same candidates: when one of them cannot be served, none can. */
  readonly group: string
}

/** The requests of one tenant and one group, by arrival. */
class TenantQueue<R extends Rank> {
  // A Set would keep the requests that it has served: see `removeItem`.
  readonly #requests: R[] = []

  get size(): number {
    return this.#requests.length
  }

  get head(): R | undefined {
    return this.#requests[0]
  }

  add(request: R): void {
    this.#requests.splice(this.#placeOf(request), 0, request)
  }

  has(request: R): boolean {
    return this.#requests[this.#placeOf(request)] === request
  }

  delete(request: R): boolean {
    if (!this.has(request)) return false
    this.#requests.splice(this.#placeOf(request), 1)
    return true
  }

  [Symbol.iterator](): Iterator<R> {
    return this.#requests.values()
  }

  /** Where the request is, or belongs. A new request comes last, a retried one where it was. */
  #placeOf({ arrival }: Rank): number {
    let [low, high] = [0, this.#requests.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#requests[middle]?.arrival ?? arrival) < arrival) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The requests of one head start: by group, by tenant. */
type Level<R extends Rank> = Map<string, Map<string, TenantQueue<R>>>

/**
 * A priority queue with ageing and fairness.
 *
 * - Ageing: requests are ordered by arrival time minus head start, so a request that has waited long enough comes first.
 * - Fairness: among requests of one head start, the tenant that was served longest ago comes first; within a tenant, the
 *   earliest arrival.
 */
export class PriorityQueue<R extends Rank> {
  readonly #levels = new Map<number, Level<R>>()
  /** When tenants were last served, as a running number, the longest ago first. */
  readonly #turns = new Map<string, number>()
  /** How many requests of each tenant are queued. */
  readonly #queued = new Map<string, number>()
  #turn = 0
  #length = 0
  readonly #lengths = new Map<number, number>()

  get length(): number {
    return this.#length
  }

  /** The number of requests with this head start or more. */
  countOf(headStart: number): number {
    let count = 0
    for (const [each, length] of this.#lengths) if (each >= headStart) count += length
    return count
  }

  add(request: R): void {
    const { headStart, group, tenant } = request
    const groups = getOrMake(this.#levels, headStart, () => new Map())
    const tenants = getOrMake(groups, group, () => new Map())
    getOrMake(tenants, tenant, () => new TenantQueue<R>()).add(request)
    this.#queued.set(tenant, (this.#queued.get(tenant) ?? 0) + 1)
    this.#lengths.set(headStart, (this.#lengths.get(headStart) ?? 0) + 1)
    this.#length++
  }

  has(request: R): boolean {
    const { headStart, group, tenant } = request
    return this.#levels.get(headStart)?.get(group)?.get(tenant)?.has(request) ?? false
  }

  remove(request: R): void {
    this.#take(request)
    // The turn of a tenant without queued requests counts only while a tenant before it waits for its own.
    for (const tenant of this.#turns.keys()) {
      if (this.#queued.has(tenant)) break
      this.#turns.delete(tenant)
    }
  }

  /**
   * The tenant that a request counts for: its own, or the empty one where too many take turns already. Clients may make up any
   * number of tenants.
   */
  shareOf(tenant: string): string {
    const [queued, turns] = [this.#queued, this.#turns]
    const isKnown = queued.has(tenant) || turns.has(tenant)
    return isKnown || Math.max(queued.size, turns.size) < constants.mostTenants ? tenant : ''
  }

  /** Changes the rank of a queued request. The turns of its tenant stay. */
  update(request: R, change: () => void): void {
    this.#take(request)
    change()
    this.add(request)
  }

  #take(request: R): void {
    const { headStart, group, tenant } = request
    const groups = this.#levels.get(headStart)
    const tenants = groups?.get(group)
    const queue = tenants?.get(tenant)
    if (queue?.delete(request) !== true) return
    this.#length--
    this.#lengths.set(headStart, (this.#lengths.get(headStart) ?? 0) - 1)
    const left = (this.#queued.get(tenant) ?? 0) - 1
    if (left > 0) this.#queued.set(tenant, left)
    else this.#queued.delete(tenant)
    if (queue.size === 0) tenants?.delete(tenant)
    if (tenants?.size === 0) groups?.delete(group)
    if (groups?.size === 0) {
      this.#levels.delete(headStart)
      this.#lengths.delete(headStart)
    }
  }

  /** Records that the request was served: its tenant has had its turn. */
  served({ tenant }: R): void {
    if (this.#length === 0) return
    // Inserted again, it is the last.
    this.#turns.delete(tenant)
    this.#turns.set(tenant, ++this.#turn)
  }

  /**
   * The first request of each group and tenant, in the order in which to serve them. They are sorted once, so trying many
   * groups takes linear time.
   *
   * @param failed Groups that cannot be served. They are skipped, also those added during the iteration, and so are requests
   *   removed during it. After each yield, the caller must add the group or remove the request.
   */
  *heads(failed: Pick<ReadonlyMap<string, unknown>, 'has'>): Generator<R> {
    const compare = (one: R, other: R) => this.#compare(one, other)
    const isOut = (request: R) => failed.has(request.group) || !this.has(request)
    const levels = [...this.#levels].map(
      ([headStart, groups]) => new LevelHeads(headStart, groups, compare, isOut),
    )
    for (;;) {
      let first: LevelHeads<R> | undefined
      let due = Number.POSITIVE_INFINITY
      for (const level of levels) {
        const levelDue = level.due()
        if (levelDue >= due) continue
        due = levelDue
        first = level
      }
      const head = first?.next()
      if (head === undefined) return
      yield head
    }
  }

  /** The first request of one group and head start. */
  firstOf({ headStart, group }: Pick<R, 'headStart' | 'group'>): R | undefined {
    let first: R | undefined
    for (const { head } of this.#levels.get(headStart)?.get(group)?.values() ?? [])
      if (head !== undefined && (first === undefined || this.#compare(head, first) < 0)) first = head
    return first
  }

  *[Symbol.iterator](): Generator<R> {
    for (const groups of this.#levels.values())
      for (const tenants of groups.values()) for (const queue of tenants.values()) yield* queue
  }

  /** Below 0 where the first comes first. */
  #compare(one: R, other: R): number {
    return this.#turnOf(one) - this.#turnOf(other) || one.arrival - other.arrival
  }

  #turnOf({ tenant }: R): number {
    return this.#turns.get(tenant) ?? 0
  }
}

/** The heads of one level during an iteration. */
class LevelHeads<R extends Rank> {
  readonly #headStart: number
  readonly #isOut: (request: R) => boolean
  readonly #byTurn: readonly R[]
  readonly #bySince: readonly R[]
  #turn = 0
  #since = 0

  /** @param isOut Whether to skip a head. Once true, it stays true. */
  constructor(
    headStart: number,
    groups: Level<R>,
    compare: (one: R, other: R) => number,
    isOut: (request: R) => boolean,
  ) {
    this.#headStart = headStart
    this.#isOut = isOut
    const heads = [...groups.values()].flatMap((tenants) =>
      [...tenants.values()].flatMap(({ head }) => head ?? []),
    )
    this.#byTurn = heads.sort(compare)
    this.#bySince = heads.toSorted((one, other) => one.since - other.since)
  }

  /** A level is due when its oldest request is, whichever tenant has the turn. */
  due(): number {
    this.#since = this.#firstIn(this.#bySince, this.#since)
    const oldest = this.#bySince[this.#since]
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.since - this.#headStart
  }

  next(): R | undefined {
    this.#turn = this.#firstIn(this.#byTurn, this.#turn)
    return this.#byTurn[this.#turn]
  }

  #firstIn(heads: readonly R[], from: number): number {
    for (let at = from; ; at++) {
      const head = heads[at]
      if (head === undefined || !this.#isOut(head)) return at
    }
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
