/** The place of a request in the queue. Times are on the clock, in milliseconds. */
export interface Rank {
  /** A running number: the order among equals. */
  readonly arrival: number
  /** When it first came. */
  readonly since: number
  /** It goes before requests without a head start that came up to so much earlier. */
  readonly headStart: number
  /** The address that sent it: requests of one urgency take turns by client. */
  readonly client: string
  /** What it waits for: when one of a kind cannot be served, none of the kind can. */
  readonly kind: string
}

/** The requests of one client and one kind, by arrival. */
class Queue<W extends Rank> {
  // A Set would keep the requests that it has served: see `removeItem`.
  readonly #waiters: W[] = []

  get size(): number {
    return this.#waiters.length
  }

  get head(): W | undefined {
    return this.#waiters[0]
  }

  add(waiter: W): void {
    this.#waiters.splice(this.#placeOf(waiter), 0, waiter)
  }

  has(waiter: W): boolean {
    return this.#waiters[this.#placeOf(waiter)] === waiter
  }

  delete(waiter: W): boolean {
    if (!this.has(waiter)) return false
    this.#waiters.splice(this.#placeOf(waiter), 1)
    return true
  }

  [Symbol.iterator](): Iterator<W> {
    return this.#waiters.values()
  }

  /** Where it is, or belongs: most come last, and one that is tried again where it was. */
  #placeOf({ arrival }: Rank): number {
    const isBefore = (index: number) => (this.#waiters[index]?.arrival ?? arrival) < arrival
    let [low, high] = [0, this.#waiters.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(middle)) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The requests of one urgency: by kind, by client. */
type Class<W extends Rank> = Map<string, Map<string, Queue<W>>>

/**
 * The requests that wait, the most urgent first: by when they came, less their head start, so a request that waits for long
 * enough comes first whatever comes after. Of one urgency, the client that was served longest ago; of one client, by arrival.
 */
export class Order<W extends Rank> {
  readonly #classes = new Map<number, Class<W>>()
  /** When each client that waits was last served, as a running number. */
  readonly #turns = new Map<string, number>()
  #turn = 0
  #length = 0
  readonly #lengths = new Map<number, number>()

  get length(): number {
    return this.#length
  }

  /** How many have this head start or more. */
  countOf(headStart: number): number {
    let count = 0
    for (const [each, length] of this.#lengths) if (each >= headStart) count += length
    return count
  }

  add(waiter: W): void {
    const { headStart, kind, client } = waiter
    const kinds = ofKey(this.#classes, headStart, () => new Map())
    const clients = ofKey(kinds, kind, () => new Map())
    ofKey(clients, client, () => new Queue<W>()).add(waiter)
    this.#lengths.set(headStart, (this.#lengths.get(headStart) ?? 0) + 1)
    this.#length++
  }

  has(waiter: W): boolean {
    const { headStart, kind, client } = waiter
    return this.#classes.get(headStart)?.get(kind)?.get(client)?.has(waiter) ?? false
  }

  remove(waiter: W): void {
    this.#take(waiter)
    if (this.#length === 0) this.#turns.clear()
  }

  /** Its rank becomes another. Whose turn it is stays. */
  move(waiter: W, change: () => void): void {
    this.#take(waiter)
    change()
    this.add(waiter)
  }

  #take(waiter: W): void {
    const { headStart, kind, client } = waiter
    const kinds = this.#classes.get(headStart)
    const clients = kinds?.get(kind)
    const queue = clients?.get(client)
    if (queue?.delete(waiter) !== true) return
    this.#length--
    this.#lengths.set(headStart, (this.#lengths.get(headStart) ?? 0) - 1)
    if (queue.size === 0) clients?.delete(client)
    if (clients?.size === 0) kinds?.delete(kind)
    if (kinds?.size === 0) {
      this.#classes.delete(headStart)
      this.#lengths.delete(headStart)
    }
  }

  /** It was served: its client has had its turn. */
  served({ client }: W): void {
    if (this.#length > 0) this.#turns.set(client, ++this.#turn)
  }

  /**
   * The first of each kind and client, in the order in which they are to be tried. It is sorted once, so that trying many kinds
   * takes linear time.
   *
   * @param failed Kinds of which none can be served: they are skipped, also those that are added on the way. So are requests
   *   that leave on the way: of each head that is yielded, the kind must be added, or it must leave.
   */
  *heads(failed: Pick<ReadonlyMap<string, unknown>, 'has'>): Generator<W> {
    const compare = (one: W, other: W) => this.#compare(one, other)
    const isOut = (waiter: W) => failed.has(waiter.kind) || !this.has(waiter)
    const classes = [...this.#classes].map(
      ([headStart, kinds]) => new Heads(headStart, kinds, compare, isOut),
    )
    for (;;) {
      let first: Heads<W> | undefined
      let due = Number.POSITIVE_INFINITY
      for (const each of classes) {
        const eachDue = each.due()
        if (eachDue >= due) continue
        due = eachDue
        first = each
      }
      const head = first?.next()
      if (head === undefined) return
      yield head
    }
  }

  /** The first of one kind, and of one urgency. */
  firstOf({ headStart, kind }: Pick<W, 'headStart' | 'kind'>): W | undefined {
    let first: W | undefined
    for (const { head } of this.#classes.get(headStart)?.get(kind)?.values() ?? [])
      if (head !== undefined && (first === undefined || this.#compare(head, first) < 0)) first = head
    return first
  }

  *[Symbol.iterator](): Generator<W> {
    for (const kinds of this.#classes.values())
      for (const clients of kinds.values()) for (const queue of clients.values()) yield* queue
  }

  /** Below 0 where the first comes first. */
  #compare(one: W, other: W): number {
    return this.#turnOf(one) - this.#turnOf(other) || one.arrival - other.arrival
  }

  #turnOf({ client }: W): number {
    return this.#turns.get(client) ?? 0
  }
}

/** The heads of one class. */
class Heads<W extends Rank> {
  readonly #headStart: number
  readonly #isOut: (waiter: W) => boolean
  readonly #byTurn: readonly W[]
  readonly #bySince: readonly W[]
  #turn = 0
  #since = 0

  /** @param isOut Whether a head is to be skipped. Once it is, it stays so. */
  constructor(
    headStart: number,
    kinds: Class<W>,
    compare: (one: W, other: W) => number,
    isOut: (waiter: W) => boolean,
  ) {
    this.#headStart = headStart
    this.#isOut = isOut
    const heads = [...kinds.values()].flatMap((clients) =>
      [...clients.values()].flatMap(({ head }) => head ?? []),
    )
    this.#byTurn = heads.sort(compare)
    this.#bySince = heads.toSorted((one, other) => one.since - other.since)
  }

  /** A class is due as its longest-waiting member is, not the client whose turn it is. */
  due(): number {
    this.#since = this.#firstIn(this.#bySince, this.#since)
    const oldest = this.#bySince[this.#since]
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.since - this.#headStart
  }

  next(): W | undefined {
    this.#turn = this.#firstIn(this.#byTurn, this.#turn)
    return this.#byTurn[this.#turn]
  }

  #firstIn(heads: readonly W[], from: number): number {
    for (let at = from; ; at++) {
      const head = heads[at]
      if (head === undefined || !this.#isOut(head)) return at
    }
  }
}

function ofKey<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
