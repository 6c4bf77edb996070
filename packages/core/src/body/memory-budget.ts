/** The largest chunk that a socket gives, twice: so much room there must be to read ahead of every reader. */
export const CHUNK_ROOM = 128 * 1024

/** The memory that all bodies and kept answers share, and the bodies that wait for it. All sizes are in bytes. */
export class MemoryBudget {
  #total: number
  #used = 0
  #overhead = 0
  /** Bodies that wait for room, the one that has waited longest first. */
  readonly #waiting = new Set<() => void>()
  /** Bodies that are held and wait for room. */
  readonly #heldWaiting = new Set<() => void>()

  constructor(total: number) {
    this.#total = total
  }

  /** What may be kept. */
  get total(): number {
    return this.#total
  }

  /** Another limit from now on; what is kept stays. */
  protected limit(total: number): void {
    this.#total = total
  }

  /** Bytes of bodies and answers in memory. */
  get used(): number {
    return this.#used
  }

  /** `used`, and what it costs to keep these bytes: links, and memory that is not filled yet. The limit applies to this. */
  get kept(): number {
    return this.#used + this.#overhead
  }

  /** @returns Whether this many bytes are free. */
  hasRoom(bytes: number): boolean {
    return this.kept + bytes <= this.#total
  }

  /**
   * @param overhead What it costs to keep these bytes, beside them.
   * @returns Whether there was room; if so, it is taken.
   */
  take(bytes: number, overhead = 0): boolean {
    if (!this.hasRoom(bytes + overhead)) return false
    this.overdraw(bytes, overhead)
    return true
  }

  /** Takes room whether there is any or not: for what is already in memory. */
  overdraw(bytes: number, overhead = 0): void {
    this.#used += bytes
    this.#overhead += overhead
  }

  /** Releases memory that `take` has reserved, in bytes. */
  give(bytes: number, overhead = 0): void {
    this.#used -= bytes
    this.#overhead -= overhead
    this.#wakeNext()
  }

  /**
   * Waits for room. The body that has waited longest may go on even without room: otherwise bodies that have half arrived
   * would wait for each other.
   *
   * @param wake Called when there may be room, or it is its turn.
   * @returns Whether it is its turn.
   */
  awaitTurn(wake: () => void): boolean {
    this.#waiting.add(wake)
    return this.isNext(wake)
  }

  /** Whether it is the turn of this body, or would be if it waited. */
  isNext(wake: () => void): boolean {
    const [next = wake] = this.#waiting
    return next === wake
  }

  /** Calls back once when there may be room. A held body takes no turn: it can wait for longer than others. */
  awaitRoom(wake: () => void): void {
    this.#heldWaiting.add(wake)
  }

  /** It has room now. Without room, it would wait for its turn behind all others. */
  forget(wake: () => void): void {
    this.#waiting.delete(wake)
  }

  /** It does not wait for room any more. */
  leave(wake: () => void): void {
    this.#heldWaiting.delete(wake)
    if (this.#waiting.delete(wake)) this.#wakeNext()
  }

  /** Wakes the body whose turn it is, and as many others as there is room for a chunk of each. */
  #wakeNext(): void {
    let rest = Math.max(1, Math.floor((this.#total - this.kept) / CHUNK_ROOM))
    for (const wake of [...this.#waiting]) {
      if (rest-- === 0) break
      wake()
    }
    if (this.#heldWaiting.size === 0 || !this.hasRoom(1)) return
    const held = [...this.#heldWaiting]
    this.#heldWaiting.clear()
    for (const wake of held) wake()
  }
}
