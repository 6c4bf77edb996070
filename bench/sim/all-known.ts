import type { Clock } from '@immich-ml-router/core'
import type { Pool, ServerSpec } from '../pool/pools.ts'
import type { Dispatcher, Place, Request } from './routed.ts'

interface Queued {
  readonly work: number
  readonly resolve: (place: Place) => void
}

/**
 * Knows every server, and how long each job takes. A request goes to the fastest worker that is free when it arrives, sent
 * so early that no worker waits for the next; searches go first, and to the best server.
 *
 * It does not move what has begun, keeps no worker free for what may come, and sees no end of an import: what a router could
 * come near to if it had nothing to learn.
 */
export class AllKnown implements Dispatcher {
  readonly #clock: Clock
  readonly #way: number
  /** The fastest first. */
  readonly #servers: readonly Server[]
  readonly #searches: Queued[] = []
  readonly #images: Queued[] = []

  /** @param way There and back, in milliseconds. */
  constructor(pool: Pool, clock: Clock, way: number) {
    this.#clock = clock
    this.#way = way
    this.#servers = pool.servers.map((spec) => new Server(spec)).sort((a, b) => a.spec.time - b.spec.time)
  }

  dispatch({ job, work }: Request): Promise<Place> {
    return new Promise((resolve) => {
      const queue = job === 'textSearch' ? this.#searches : this.#images
      queue.push({ work, resolve })
      this.#serve()
    })
  }

  #serve(): void {
    const arrival = this.#clock.now() + this.#way / 2
    for (const [i, server] of this.#servers.entries()) {
      while (server.hasWorkerAt(arrival)) {
        const next = (i === 0 ? this.#searches.shift() : undefined) ?? this.#images.shift()
        if (next === undefined) break
        const end = server.take(next.work, arrival)
        this.#clock.after(end - this.#way / 2 - this.#clock.now(), () => this.#serve())
        next.resolve({ server: server.spec.name, leave() {} })
      }
    }
  }
}

class Server {
  readonly spec: ServerSpec
  /** When each worker is free, on the clock. */
  readonly #freeAt: number[]

  constructor(spec: ServerSpec) {
    this.spec = spec
    this.#freeAt = Array<number>(spec.workers).fill(0)
  }

  hasWorkerAt(time: number): boolean {
    // What was computed in two ways differs by a rounding.
    return Math.min(...this.#freeAt) <= time + 1e-6
  }

  /** @returns When it is done. */
  take(work: number, arrival: number): number {
    const first = this.#freeAt.indexOf(Math.min(...this.#freeAt))
    const end = Math.max(arrival, this.#freeAt[first] ?? 0) + work * this.spec.time
    this.#freeAt[first] = end
    return end
  }
}
