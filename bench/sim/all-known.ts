import type { Clock } from '@immich-ml-router/core'
import type { Pool } from '../pool/pools.ts'
import type { Dispatcher, Place, Request } from './routed.ts'

interface Queued {
  readonly work: number
  readonly resolve: (place: Place) => void
}

/**
 * Knows every server and every job time: an upper bound for a router that must learn. A request goes to the fastest free
 * worker, so early that no worker idles. Searches go first, to the best server. It does not move running jobs and does not
 * see the end of an import.
 */
export class AllKnown implements Dispatcher {
  readonly #clock: Clock
  readonly #way: number
  /** The fastest first, with the time at which each worker is free. */
  readonly #servers: readonly { readonly name: string; readonly time: number; readonly freeAt: number[] }[]
  readonly #searches: Queued[] = []
  readonly #images: Queued[] = []

  /** @param way There and back, in milliseconds. */
  constructor(pool: Pool, clock: Clock, way: number) {
    this.#clock = clock
    this.#way = way
    this.#servers = pool.servers
      .map(({ name, time, workers }) => ({ name, time, freeAt: Array<number>(workers).fill(0) }))
      .sort((a, b) => a.time - b.time)
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
    for (const [i, { name, time, freeAt }] of this.#servers.entries()) {
      for (;;) {
        const free = Math.min(...freeAt)
        // What was computed in two ways differs by a rounding.
        if (free > arrival + 1e-6) break
        const next = (i === 0 ? this.#searches.shift() : undefined) ?? this.#images.shift()
        if (next === undefined) break
        const end = Math.max(arrival, free) + next.work * time
        freeAt[freeAt.indexOf(free)] = end
        this.#clock.after(end - this.#way / 2 - this.#clock.now(), () => this.#serve())
        next.resolve({ server: name, leave() {} })
      }
    }
  }
}
