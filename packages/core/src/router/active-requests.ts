import type { IncomingMessage, ServerResponse } from 'node:http'
import { LONGEST_TIMER } from '../clock.ts'
import { removeItem } from '../remove-item.ts'
import type { Exchange } from './exchange.ts'

/** A predict request that is being handled. */
export interface ActiveRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** When it arrived, on the clock. */
  readonly start: number
  /** Set once its job is known. */
  exchange: Exchange | undefined
}

/** The predict requests that are being handled, in the order of their arrival. */
export class ActiveRequests implements Iterable<ActiveRequest> {
  readonly #active: ActiveRequest[] = []
  #watchers: (() => void)[] = []

  get size(): number {
    return this.#active.length
  }

  [Symbol.iterator](): Iterator<ActiveRequest> {
    return this.#active[Symbol.iterator]()
  }

  add(active: ActiveRequest): void {
    this.#active.push(active)
  }

  remove(active: ActiveRequest): void {
    removeItem(this.#active, active)
    if (this.#watchers.length > 0) this.changed()
  }

  /** Must be called when a request begins to wait. */
  changed(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  /** Resolves when no request is left, or after this many milliseconds. */
  ended(milliseconds: number): Promise<void> {
    return this.#until(() => this.#active.length === 0, milliseconds)
  }

  /** Resolves when every request that is left waits for a backend or is not classified yet, or after this many milliseconds. */
  idle(milliseconds: number): Promise<void> {
    return this.#until(() => !this.#active.some(isRunning), milliseconds)
  }

  async #until(holds: () => boolean, milliseconds: number): Promise<void> {
    if (holds()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, Math.min(milliseconds, LONGEST_TIMER))
    const watcher = () => {
      if (holds()) resolve()
    }
    this.#watchers.push(watcher)
    await promise
    removeItem(this.#watchers, watcher)
    clearTimeout(timer)
  }
}

function isRunning({ exchange }: ActiveRequest): boolean {
  return exchange !== undefined && exchange.wait === undefined
}
