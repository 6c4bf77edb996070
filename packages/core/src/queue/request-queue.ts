import type { Clock } from '../clock.ts'
import { PriorityQueue, type Rank } from './priority-queue.ts'

/** Tries to serve a request. @returns What it waits for, or when to try again, on the clock, unless the queue is woken before. */
export type TryServe<T> = () => { readonly served: T } | { readonly retryAt: number }

/** The part of a rank that may change while the request is queued. */
export type RankChange = Pick<Rank, 'headStart' | 'group'>

export interface EnqueueOptions extends Rank {
  /** Gets the function to call when the head start or the group of the request changes. */
  readonly onJoin?: ((update: (change: RankChange) => void) => void) | undefined
  /** When the wait ends, on the clock; `Infinity` for never. */
  readonly deadline: number
  /** Called at the deadline. @returns The error to fail with, or another deadline. */
  readonly onDeadline: () => Error | number
  /** Aborting it ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined
}

interface Queued<T> extends EnqueueOptions {
  headStart: number
  group: string
  readonly tryServe: TryServe<T>
  readonly resolve: (served: T) => void
  readonly reject: (error: unknown) => void
  readonly stopTimers: () => void
}

/**
 * The queue of requests that wait for a backend. No request is served before another that ranks higher and could be served as
 * well. Nothing polls: a change of what requests wait for calls {@link RequestQueue.wake}.
 */
export class RequestQueue<T> {
  readonly #clock: Clock
  readonly #queue = new PriorityQueue<Queued<T>>()
  #serving = false
  #wokenAgain = false
  /** When to try some request again, on the clock. */
  #due = Number.POSITIVE_INFINITY
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get length(): number {
    return this.#queue.length
  }

  /** The number of requests with this head start or more. */
  countOf(headStart: number): number {
    return this.#queue.countOf(headStart)
  }

  /** Queues a request until it is served. */
  enqueue(tryServe: TryServe<T>, options: EnqueueOptions): Promise<T> {
    const { signal, deadline, onDeadline } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const giveUp = (error: unknown) => {
        this.#remove(queued)
        reject(error)
      }
      const onAbort = () => giveUp(signal?.reason)
      let cancelDeadline = () => {}
      const waitUntil = (end: number) => {
        if (end === Number.POSITIVE_INFINITY) return
        cancelDeadline = this.#clock.after(Math.max(0, end - this.#clock.now()), () => {
          const next = onDeadline()
          if (typeof next === 'number') waitUntil(next)
          else giveUp(next)
        })
      }
      waitUntil(deadline)
      signal?.addEventListener('abort', onAbort)
      const stopTimers = () => {
        cancelDeadline()
        signal?.removeEventListener('abort', onAbort)
      }
      const tenant = this.#queue.shareOf(options.tenant)
      const queued: Queued<T> = { ...options, tenant, tryServe, resolve, reject, stopTimers }
      this.#queue.add(queued)
      options.onJoin?.((change) => this.#update(queued, change))
      this.#serveGroupOf(queued)
    })
  }

  /** Serves what it can, if the time for a retry has come since the last call. */
  wakeIfDue(): void {
    if (this.#clock.now() >= this.#due) this.wake()
  }

  /** Serves every request that can be served, in order. Call it whenever something may have become available. */
  wake(): void {
    this.#wokenAgain = true
    // Serving a request may itself wake the queue.
    if (this.#serving) return
    this.#serving = true
    let earliest = Number.POSITIVE_INFINITY
    while (this.#wokenAgain) {
      this.#wokenAgain = false
      earliest = this.#serveAll()
    }
    this.#serving = false
    this.#setTimer(earliest)
  }

  /** Runs a change that concerns many requests, and serves none before it is complete. */
  batch<R>(change: () => R): R {
    const wasServing = this.#serving
    this.#serving = true
    try {
      return change()
    } finally {
      this.#serving = wasServing
      this.wake()
    }
  }

  /** Rejects every request. */
  close(error: unknown): void {
    for (const queued of [...this.#queue]) {
      this.#remove(queued)
      queued.reject(error)
    }
  }

  /** @returns The earliest time at which one of the requests that are left is to be tried again. */
  #serveAll(): number {
    const retryAt = new Map<string, number>()
    // Every request that is served changes the order: its tenant has had its turn.
    while (this.#serveNext(retryAt));
    return Math.min(...retryAt.values())
  }

  /** @param retryAt The groups that cannot be served, and when to try them again. Failed groups are added. */
  #serveNext(retryAt: Map<string, number>): boolean {
    for (const queued of this.#queue.heads(retryAt)) {
      const again = this.#serveOne(queued)
      if (again === undefined) return true
      retryAt.set(queued.group, again)
    }
    return false
  }

  /** @returns When to try the request again; `undefined` when it has left the queue. */
  #serveOne(queued: Queued<T>): number | undefined {
    try {
      const result = queued.tryServe()
      if ('retryAt' in result) return result.retryAt
      this.#remove(queued)
      this.#queue.served(queued)
      queued.resolve(result.served)
    } catch (error) {
      this.#remove(queued)
      queued.reject(error)
    }
    return undefined
  }

  /**
   * Tries the first request of one group. Only this group has changed: all others were tried at the last change. So many
   * requests that join at once take linear time.
   */
  #serveGroupOf(changed: Queued<T>): void {
    if (this.#serving || this.#clock.now() >= this.#due) {
      this.wake()
      return
    }
    const queued = this.#queue.firstOf(changed)
    if (queued === undefined) return
    this.#serving = true
    this.#wokenAgain = false
    const retryAt = this.#serveOne(queued)
    this.#serving = false
    if (retryAt === undefined || this.#wokenAgain) this.wake()
    else if (retryAt < this.#due) this.#setTimer(retryAt)
  }

  #setTimer(due: number): void {
    this.#due = due
    this.#cancelTimer?.()
    const pause = due - this.#clock.now()
    this.#cancelTimer =
      pause === Number.POSITIVE_INFINITY
        ? undefined
        : this.#clock.after(Math.max(1, pause), () => this.wake())
  }

  #update(queued: Queued<T>, change: RankChange): void {
    if (!this.#queue.has(queued)) return
    this.#queue.update(queued, () => Object.assign(queued, change))
    this.#serveGroupOf(queued)
  }

  #remove(queued: Queued<T>): void {
    this.#queue.remove(queued)
    queued.stopTimers()
    if (this.#queue.length > 0) return
    this.#due = Number.POSITIVE_INFINITY
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}
