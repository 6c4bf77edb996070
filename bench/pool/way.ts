import { Pool } from 'undici'
import type { Target } from './phase.ts'

/** A connection to send one request on. */
export interface Place {
  readonly pool: Pool
  /** The answer is there. */
  leave(): void
}

/** The way from the load generator to the servers. */
export interface Way {
  /** @param search Whether somebody waits for the answer. */
  take(search: boolean): Promise<Place>
  /** Breaks every connection. */
  destroy(): Promise<void>
}

export function wayTo(target: Target): Way {
  return target.kind === 'one' ? oneWay(target.url) : allKnown(target.servers)
}

function oneWay(url: string): Way {
  const pool = new Pool(url)
  return { take: async () => ({ pool, leave() {} }), destroy: () => pool.destroy() }
}

interface Waiting {
  readonly resolve: (place: Place) => void
  readonly reject: (error: Error) => void
}

/** The fastest worker that is free, for the first who waits; searches go first, and to the best server alone. */
function allKnown(specs: Extract<Target, { kind: 'all-known' }>['servers']): Way {
  const servers = specs
    .map(({ url, workers, time }) => ({ pool: new Pool(url), free: workers, time }))
    .sort((a, b) => a.time - b.time)
  const searches: Waiting[] = []
  const images: Waiting[] = []

  function serve(): void {
    for (const [i, server] of servers.entries()) {
      while (server.free > 0) {
        const next = (i === 0 ? searches.shift() : undefined) ?? images.shift()
        if (next === undefined) break
        server.free--
        const leave = () => {
          server.free++
          serve()
        }
        next.resolve({ pool: server.pool, leave })
      }
    }
  }

  return {
    take: (search) =>
      new Promise((resolve, reject) => {
        const line = search ? searches : images
        line.push({ resolve, reject })
        serve()
      }),
    async destroy() {
      for (const { reject } of [...searches.splice(0), ...images.splice(0)])
        reject(new Error('the run is over'))
      await Promise.all(servers.map(({ pool }) => pool.destroy()))
    },
  }
}
