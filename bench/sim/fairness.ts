import type { Table } from '../lib/table.ts'
import { POOLS } from '../pool/pools.ts'
import { Simulation } from './world.ts'

const SECONDS = 120

/** Clients that ask for very different amounts, and what they get. */
export async function measureFairness(seed: string): Promise<Table> {
  const rows: string[][] = []
  for (const pool of POOLS.filter(({ slow }) => slow === undefined)) {
    for (const clients of [
      [20, 20, 20, 20],
      [200, 20, 20, 20],
      [200, 4, 4, 4],
    ]) {
      const backends = Object.fromEntries(pool.servers.map(({ name }) => [name, { url: `http://${name}` }]))
      const simulation = new Simulation({ pool, policy: { backends, health: false }, seed })
      const { served } = await simulation.run({ clients, seconds: SECONDS })
      const all = served.reduce((sum, count) => sum + count, 0)
      rows.push([
        pool.title,
        clients.join(', '),
        served.map((count) => `${Math.round((100 * count) / all)} %`).join(', '),
        jain(served).toFixed(3),
      ])
    }
  }
  return {
    head: ['pool', 'in flight, by client', 'of what was done', "Jain's index"],
    rows,
    words: 3,
  }
}

/** 1 when all have the same, 1/n when one has everything (R. Jain et al., DEC-TR-301, 1984). */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0)
  return sum ** 2 / (shares.length * shares.reduce((total, share) => total + share ** 2, 0))
}
