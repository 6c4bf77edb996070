import { defaults, type Policy, type Strategy, type StrategyName } from '@immich-ml-router/core'
import { strategies } from '../../packages/core/src/balance/strategies.ts'
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
      const workers = pool.servers.reduce((sum, server) => sum + server.workers, 0)
      const [free, full] = await Promise.all(
        [workers / 2, 2 * workers].map((inFlight) =>
          cost(pool, strategy, Math.round(inFlight), Math.round((requests * share) / 2), seed),
        ),
      )
      rows.push([
        `${size}`,
        strategy,
        (requests * share).toLocaleString('en'),
        free?.request.toFixed(1) ?? '',
        full?.request.toFixed(1) ?? '',
        full?.decisions.toFixed(1) ?? '',
        full?.decision.toFixed(1) ?? '',
        full?.share.toFixed(2) ?? '',
      ])
    }
  }
  return {
    head: [
      'backends',
      'strategy',
      'requests',
      'half of them busy: µs a request',
      'all full: µs a request',
      'decisions in it',
      'µs for each',
      'share of the ideal',
    ],
    rows,
    words: 2,
  }
}

async function cost(pool: Pool, strategy: StrategyName, inFlight: number, requests: number, seed: string) {
  let decisions = 0
  const names = pool.servers.map(({ name }) => name)
  const policy: Policy = {
    backends: Object.fromEntries(names.map((name) => [name, { url: `http://${name}` }])),
    routes: [{ backends: names, strategy: () => counted(strategies[strategy](), () => decisions++) }],
    health: false,
    queue: { maxLength: 100_000 },
  }
  const simulation = new Simulation({ pool, policy, seed })
  const load = { clients: Array<number>(8).fill(Math.ceil(inFlight / 8)) }
  await simulation.run({ ...load, images: Math.min(requests, 10 * inFlight) })
  simulation.deciding = 0
  decisions = 0
  const { work, time } = await simulation.run({ ...load, images: requests })
  return {
    request: (simulation.deciding * 1_000) / requests,
    decisions: decisions / requests,
    decision: (simulation.deciding * 1_000) / decisions,
    share: work / ((capacity(pool, inFlight) * time) / 1_000),
  }
}

/** Calls back for each decision. */
function counted(strategy: Strategy, onRank: () => void): Strategy {
  return {
    ...strategy,
    rank(candidates, job) {
      onRank()
      return strategy.rank(candidates, job)
    },
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
