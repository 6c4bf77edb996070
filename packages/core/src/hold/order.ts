/** Where somebody stands in a line. Times are on the clock, in milliseconds. */
export interface Rank {
  /** A running number: the order among equals. */
  readonly arrival: number
  /** When it first came. */
  readonly since: number
  /** It goes before everybody who came so much earlier than it, and no earlier, with no such head start. */
  readonly headStart: number
  /** Who sent it: those of one urgency take turns by client. */
  readonly client: string
}

/**
 * The most urgent first: by when they came, less their head start, so that whoever waits for long enough comes first
 * whatever comes after. Of one urgency, the client that was served longest ago; of one client, by arrival.
 *
 * @param waiters By arrival.
 * @param turns When each client was last served, as a running number.
 */
export function* inOrder<W extends Rank>(
  waiters: readonly W[],
  turns: ReadonlyMap<string, number>,
): Generator<W> {
  const classes = Map.groupBy(waiters, ({ headStart }) => headStart)
  const lines = [...classes].map(([headStart, members]) => {
    const line = byTurns(members, turns)
    return { headStart, line, next: line.next() }
  })
  for (;;) {
    let first: (typeof lines)[number] | undefined
    for (const line of lines) {
      if (line.next.done === true) continue
      if (first === undefined || key(line) < key(first)) first = line
    }
    if (first === undefined || first.next.done === true) return
    yield first.next.value.waiter
    first.next = first.line.next()
  }
}

/** When a class is due: as its longest-waiting member is, not the client whose turn it is. */
function key({
  headStart,
  next,
}: {
  headStart: number
  next: IteratorResult<{ oldest: number }, void>
}): number {
  return next.done === true ? Number.POSITIVE_INFINITY : next.value.oldest - headStart
}

function* byTurns<W extends Rank>(
  members: readonly W[],
  turns: ReadonlyMap<string, number>,
): Generator<{ waiter: W; oldest: number }, void> {
  const clients = [...Map.groupBy(members, ({ client }) => client)]
  if (clients.length === 1) {
    for (const waiter of members) yield { waiter, oldest: waiter.since }
    return
  }
  const queues = clients
    .map(([client, line]) => ({ turn: turns.get(client) ?? 0, line: line.values() }))
    .sort((a, b) => a.turn - b.turn)
  const left = new Set(members)
  while (left.size > 0) {
    for (const { line } of queues) {
      const next = line.next()
      if (next.done === true) continue
      const [oldest = next.value] = left
      yield { waiter: next.value, oldest: oldest.since }
      left.delete(next.value)
    }
  }
}
