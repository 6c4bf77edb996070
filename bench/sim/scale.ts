import type { Policy, Strategy, StrategyName } from '@immich-ml-router/core'
import { defaults } from '@immich-ml-router/core/parts'
import { strategies } from '../../packages/core/src/balance/strategies.ts'
import { seeded } from '../../test/support/random.ts'
import { measuredPart, type Part, type Target, table } from '../lib/report.ts'
import { sum } from '../lib/stats.ts'
import { capacity } from '../pool/ideal.ts'
import type { Pool, ServerSpec } from '../pool/pools.ts'
import { Simulation } from './world.ts'

/** Backends, and the target for a decision of the default strategy with half of their workers busy, in µs. */
const SIZES = [
  [10, 5],
  [100, 60],
] as const
const STRATEGIES: readonly StrategyName[] = ['peak-ewma', 'least-conn', 'model-affinity']

type Cost = Awaited<ReturnType<typeof cost>>

/** What a decision costs, with half of the workers busy and with all backends full. */
export async function measureScale(requests: number, seed: string): Promise<Part[]> {
  const rows: { size: number; strategy: string; count: number; half: Cost; full: Cost }[] = []
  const targets: Target[] = []
  for (const [size, limit] of SIZES) {
    for (const strategy of STRATEGIES) {
      // A large pool costs more for each, and says as much with fewer.
      const count = requests * (10 / size) * (strategy === defaults.strategy ? 1 : 0.1)
      const pool = poolOf(size, seed)
      const workers = sum(pool.servers.map((server) => server.workers))
      const measure = (inFlight: number) =>
        cost(pool, strategy, Math.round(inFlight), Math.round(count / 2), seed)
      const [half, full] = await Promise.all([measure(workers / 2), measure(2 * workers)])
      rows.push({ size, strategy, count, half, full })
      if (strategy !== defaults.strategy) continue
      const what = `half of the workers of ${size} backends busy: a decision under ${limit} µs`
      targets.push({ what, of: strategy, figure: `${half.request.toFixed(1)} µs`, met: half.request < limit })
    }
  }
  const costs = table(
    'One decision',
    rows,
    [
      ['backends', ({ size }) => size],
      ['strategy', ({ strategy }) => strategy],
      ['requests', ({ count }) => count.toLocaleString('en')],
      ['half busy: µs a request', ({ half }) => half.request.toFixed(1)],
      ['all full: µs a request', ({ full }) => full.request.toFixed(1)],
      ['decisions a request', ({ full }) => full.decisions.toFixed(1)],
      ['µs a decision', ({ full }) => full.decision.toFixed(1)],
      ['share of the ideal', ({ full }) => full.share.toFixed(2)],
    ],
    2,
  )
  return [costs, measuredPart(targets)]
}

async function cost(pool: Pool, strategy: StrategyName, inFlight: number, requests: number, seed: string) {
  let decisions = 0
  const names = pool.servers.map(({ name }) => name)
  const counted = (): Strategy => {
    const own = strategies[strategy]()
    const rank: Strategy['rank'] = (candidates, job) => {
      decisions++
      return own.rank(candidates, job)
    }
    return { ...own, rank }
  }
  const policy: Policy = {
    backends: Object.fromEntries(names.map((name) => [name, { url: `http://${name}` }])),
    routes: [{ backends: names, strategy: counted }],
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

/** Servers of 1 to 4 workers and 20 to 400 ms. */
function poolOf(size: number, seed: string): Pool {
  const random = seeded(seed, 'pool', size)
  const server = (i: number): ServerSpec => ({
    name: `s${i}`,
    workers: 1 + Math.floor(4 * random()),
    time: 20 * 20 ** random(),
  })
  return { name: '', title: '', servers: Array.from({ length: size }, (_, i) => server(i)) }
}
