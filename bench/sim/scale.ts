import { defaults, type Policy, type StrategyName } from '@immich-ml-router/core'
import { seeded } from '../lib/random.ts'
import type { Table } from '../lib/table.ts'
import { capacity } from '../pool/ideal.ts'
import type { Pool, ServerSpec } from '../pool/pools.ts'
import { Simulation } from './world.ts'

const SIZES = [10, 100, 1_000]
const STRATEGIES: readonly StrategyName[] = ['peak-ewma', 'least-conn', 'model-affinity']

/** What a decision costs on large pools, half of the time with servers to choose from, half of it with all of them full. */
export async function measureScale(requests: number, seed: string): Promise<Table> {
  const rows: string[][] = []
  for (const size of SIZES) {
    for (const strategy of STRATEGIES) {
      // A large pool costs more for each, and says as much with fewer.
      const share = (10 / size) * (strategy === defaults.strategy ? 1 : 0.1)
      const pool = poolOf(size, seed)
      const policy: Policy = {
        backends: Object.fromEntries(pool.servers.map(({ name }) => [name, { url: `http://${name}` }])),
        routes: [{ backends: pool.servers.map(({ name }) => name), strategy }],
        health: false,
        queue: { maxLength: 100_000 },
      }
      const workers = pool.servers.reduce((sum, server) => sum + server.workers, 0)
      const [free, full] = await Promise.all(
        [workers / 2, 2 * workers].map((inFlight) =>
          cost(pool, policy, Math.round(inFlight), Math.round((requests * share) / 2), seed),
        ),
      )
      rows.push([
        `${size}`,
        strategy,
        (requests * share).toLocaleString('en'),
        free?.decision.toFixed(1) ?? '',
        full?.decision.toFixed(1) ?? '',
        full?.share.toFixed(2) ?? '',
      ])
    }
  }
  return {
    head: ['backends', 'strategy', 'requests', 'half of them busy, µs', 'all full, µs', 'share of the ideal'],
    rows,
    words: 2,
  }
}

async function cost(pool: Pool, policy: Policy, inFlight: number, requests: number, seed: string) {
  const simulation = new Simulation({ pool, policy, seed })
  const load = { clients: Array<number>(8).fill(Math.ceil(inFlight / 8)) }
  await simulation.run({ ...load, images: Math.min(requests, 10 * inFlight) })
  simulation.deciding = 0
  const { work, time } = await simulation.run({ ...load, images: requests })
  return {
    decision: (simulation.deciding * 1_000) / requests,
    share: work / ((capacity(pool, inFlight) * time) / 1_000),
  }
}

/** Servers of 1 to 4 workers and 20 to 400 ms. */
function poolOf(size: number, seed: string): Pool {
  const random = seeded(seed, 'pool', size)
  const server = (i: number): ServerSpec => ({
    name: `s${i}`,
    workers: 1 + Math.floor(4 * random()),
    time: 20 * 20 ** random(),
  })
  return {
    name: '',
    title: '',
    servers: [server(0), ...Array.from({ length: size - 1 }, (_, i) => server(i + 1))],
  }
}
