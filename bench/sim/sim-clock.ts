import type { Clock } from '@immich-ml-router/core'

interface Timer {
  readonly at: number
  readonly order: number
  callback: (() => void) | undefined
}

/** Time that jumps from one event to the next. Everything that a callback sets going is over before the next runs. */
export class SimClock implements Clock {
  #now = 0
  #order = 0
  /** A binary heap, the earliest first. */
  #heap: Timer[] = []
  /** Timers in it that will do nothing. */
  #calledOff = 0

  now(): number {
    return this.#now
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, milliseconds), order: this.#order++, callback }
    this.#push(timer)
    return () => {
      if (timer.callback === undefined) return
      timer.callback = undefined
      if (++this.#calledOff > this.#heap.length / 2) this.#compact()
    }
  }

  /** Runs until there is nothing left to do, or `until` says so. */
  async run(until: () => boolean): Promise<void> {
    // What was set going before the first event has to be over, too.
    await new Promise(setImmediate)
    while (!until()) {
      const timer = this.#pop()
      if (timer === undefined) return
      const { callback } = timer
      if (callback === undefined) {
        this.#calledOff--
        continue
      }
      timer.callback = undefined
      this.#now = timer.at
      callback()
      await new Promise(setImmediate)
    }
  }

  /** Most deadlines are called off long before they are due. */
  #compact(): void {
    const timers = this.#heap.filter(({ callback }) => callback !== undefined)
    this.#heap = []
    this.#calledOff = 0
    for (const timer of timers) this.#push(timer)
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(timer, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = timer
  }

  #pop(): Timer | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || first === last) return first
    let at = 0
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]]
      if (left === undefined) break
      const [child, index] =
        right !== undefined && isBefore(right, left)
          ? ([right, 2 * at + 2] as const)
          : ([left, 2 * at + 1] as const)
      if (!isBefore(child, last)) break
      heap[at] = child
      at = index
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
