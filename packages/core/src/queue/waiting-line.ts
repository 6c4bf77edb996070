import type { Clock } from '../clock.ts'
import { Order, type Rank } from './order.ts'

/** Tries to get what is waited for. @returns It, or when to try again unless the queue is poked before, on the clock. */
export type Try<T> = () => { readonly got: T } | { readonly again: number }

/** What may change of a rank while it waits. */
export type Standing = Pick<Rank, 'headStart' | 'kind'>

export interface WaitOptions extends Rank {
  /** Is given the function to call when its urgency or its kind changes. */
  readonly onJoin?: ((become: (standing: Standing) => void) => void) | undefined
  /** When it gives up, on the clock. */
  readonly deadline: number
  /** Asked when the deadline has passed. @returns What it fails with, or another deadline. */
  readonly late: () => Error | number
  /** Aborting it gives up the place. */
  readonly signal?: AbortSignal | undefined
}

interface Waiter<T> extends WaitOptions {
  headStart: number
  kind: string
  readonly attempt: Try<T>
  readonly resolve: (it: T) => void
  readonly reject: (error: unknown) => void
  readonly leave: () => void
}

/**
 * The queue of requests that wait for backends, the most urgent first. No request is served before another that comes first
 * and could be served as well. Nothing is polled: what changes something pokes the queue.
 */
export class WaitingLine<T> {
  readonly #clock: Clock
  readonly #order = new Order<Waiter<T>>()
  #poking = false
  #pokedAgain = false
  /** When a request is to be tried again, on the clock. */
  #due = Number.POSITIVE_INFINITY
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get length(): number {
    return this.#order.length
  }

  /** How many wait with this head start or more. */
  countOf(headStart: number): number {
    return this.#order.countOf(headStart)
  }

  /** Waits until the attempt succeeds. */
  wait(attempt: Try<T>, options: WaitOptions): Promise<T> {
    const { signal, deadline, late } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const giveUp = (error: unknown) => {
        this.#remove(waiter)
        reject(error)
      }
      const onAbort = () => giveUp(signal?.reason)
      let cancelDeadline = () => {}
      const waitUntil = (end: number) => {
        if (end === Number.POSITIVE_INFINITY) return
        cancelDeadline = this.#clock.after(Math.max(0, end - this.#clock.now()), () => {
          const verdict = late()
          if (typeof verdict === 'number') waitUntil(verdict)
          else giveUp(verdict)
        })
      }
      waitUntil(deadline)
      const leave = () => {
        cancelDeadline()
        signal?.removeEventListener('abort', onAbort)
      }
      signal?.addEventListener('abort', onAbort)
      const waiter: Waiter<T> = { ...options, attempt, resolve, reject, leave }
      this.#order.add(waiter)
      options.onJoin?.((standing) => this.#become(waiter, standing))
      this.#pokeFor(waiter)
    })
  }

  /** The same as {@link WaitingLine.poke}, but only when time may have changed something since the last. */
  pokeIfDue(): void {
    if (this.#clock.now() >= this.#due) this.poke()
  }

  /** Something has changed: serves every request that can be served, in order. */
  poke(): void {
    if (this.#order.length === 0) return
    this.#pokedAgain = true
    // To serve one may be a change of its own.
    if (this.#poking) return
    this.#poking = true
    let earliest = Number.POSITIVE_INFINITY
    while (this.#pokedAgain) {
      this.#pokedAgain = false
      earliest = this.#serve()
    }
    this.#poking = false
    this.#pokeAt(earliest)
  }

  /** Runs work that changes what many wait for. None is served before it is done for all. */
  change<R>(work: () => R): R {
    const isServing = this.#poking
    this.#poking = true
    try {
      return work()
    } finally {
      this.#poking = isServing
      this.poke()
    }
  }

  /** Rejects every request. */
  close(error: unknown): void {
    for (const waiter of [...this.#order]) {
      this.#remove(waiter)
      waiter.reject(error)
    }
  }

  /** @returns When the first of those that could not be served is to be tried again. */
  #serve(): number {
    const again = new Map<string, number>()
    // What comes next changes with each that is served: its client has had its turn.
    while (this.#serveNext(again));
    return Math.min(...again.values())
  }

  /** @param again The kinds of which none can be served, and when they are to be tried again; it adds to them. */
  #serveNext(again: Map<string, number>): boolean {
    for (const waiter of this.#order.heads(again)) {
      const retryAt = this.#serveOne(waiter)
      if (retryAt === undefined) return true
      again.set(waiter.kind, retryAt)
    }
    return false
  }

  /** @returns When to try it again; `undefined` when it does not wait any more. */
  #serveOne(waiter: Waiter<T>): number | undefined {
    try {
      const result = waiter.attempt()
      if ('again' in result) return result.again
      this.#remove(waiter)
      this.#order.served(waiter)
      waiter.resolve(result.got)
    } catch (error) {
      this.#remove(waiter)
      waiter.reject(error)
    }
    return undefined
  }

  /**
   * Only this request is new, or of another kind: all others were tried at the last change. So many requests that join at
   * once take linear time.
   */
  #pokeFor(joined: Waiter<T>): void {
    if (this.#poking || this.#clock.now() >= this.#due) {
      this.poke()
      return
    }
    const waiter = this.#order.firstOf(joined)
    if (waiter === undefined) return
    this.#poking = true
    this.#pokedAgain = false
    const retryAt = this.#serveOne(waiter)
    this.#poking = false
    if (retryAt === undefined || this.#pokedAgain) this.poke()
    else if (retryAt < this.#due) this.#pokeAt(retryAt)
  }

  #pokeAt(due: number): void {
    this.#due = due
    this.#cancelTimer?.()
    const pause = due - this.#clock.now()
    this.#cancelTimer =
      pause === Number.POSITIVE_INFINITY
        ? undefined
        : this.#clock.after(Math.max(1, pause), () => this.poke())
  }

  #become(waiter: Waiter<T>, standing: Standing): void {
    if (!this.#order.has(waiter)) return
    this.#order.move(waiter, () => Object.assign(waiter, standing))
    this.#pokeFor(waiter)
  }

  #remove(waiter: Waiter<T>): void {
    this.#order.remove(waiter)
    waiter.leave()
    if (this.#order.length > 0) return
    this.#due = Number.POSITIVE_INFINITY
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}
