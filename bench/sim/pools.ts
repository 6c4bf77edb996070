import type { Policy } from '@immich-ml-router/core'
import { type Part, table } from '../lib/report.ts'
import { percentile, sum } from '../lib/stats.ts'
import { ALL_KNOWN, CONTENDERS, type Contender } from '../pool/contenders.ts'
import { idealMakespan, idealWork } from '../pool/ideal.ts'
import { POOLS, type Pool } from '../pool/pools.ts'
import { Simulation } from './world.ts'

/** Milliseconds between searches, seconds without and with an import, images of the import that is timed. */
const [SEARCH_EVERY, IDLE, IMPORT, IMAGES] = [150, 30, 60, 200]
const IN_FLIGHT = [8, 16, 64]
const STEADY = POOLS.filter(({ slow }) => slow === undefined)

/** Every strategy, with the same jobs. */
export async function measurePools(seed: string): Promise<Part> {
  const rows: { pool: Pool; label: string; cells: Cell[] }[] = []
  for (const pool of STEADY) {
    for (const contender of CONTENDERS) {
      if (contender.options === undefined && contender.name !== ALL_KNOWN) continue
      const cells = await Promise.all(IN_FLIGHT.map((inFlight) => measure(pool, contender, inFlight, seed)))
      rows.push({ pool, label: contender.label, cells })
    }
  }
  type Row = (typeof rows)[number]
  const each =
    (write: (cell: Cell) => string) =>
    ({ cells }: Row) =>
      cells.map(write).join(' / ')
  return table(
    'Pools of unequal servers',
    rows,
    [
      ['pool', ({ pool }) => pool.title],
      ['contender', ({ label }) => label],
      ['share of the ideal', each(({ share }) => share.toFixed(2))],
      ['search p95 idle, ms', each(({ idle }) => idle.toFixed(0))],
      ['search p95 busy, ms', each(({ busy }) => busy.toFixed(0))],
      ['200 images, x the lower bound', each(({ makespan }) => makespan.toFixed(2))],
    ],
    2,
  )
}

type Cell = Readonly<Record<'share' | 'idle' | 'busy' | 'makespan', number>>

async function measure(pool: Pool, contender: Contender, inFlight: number, seed: string): Promise<Cell> {
  const servers = pool.servers.map((server) => ({ ...server, url: `http://${server.name}` }))
  // Contenders have the form of a configuration file.
  const options = contender.options?.(servers) as Policy | undefined
  const policy = options === undefined ? {} : { policy: { ...options, health: false } as const }
  const begin = () => new Simulation({ pool, ...policy, seed })
  const searched = begin()
  const idle = await searched.run({ clients: [], seconds: IDLE, searchEvery: SEARCH_EVERY })
  const busy = await searched.run({ clients: [inFlight], seconds: IMPORT, searchEvery: SEARCH_EVERY })
  const imported = begin()
  const images = { clients: [inFlight], jobs: ['indexing'] } as const
  await imported.run({ ...images, images: 2 * IMAGES })
  await imported.settle()
  const { time, work } = await imported.run({ ...images, images: IMAGES })
  return {
    share: busy.work / idealWork(pool, inFlight, IMPORT),
    idle: percentile(idle.searches, 0.95),
    busy: percentile(busy.searches, 0.95),
    makespan: time / idealMakespan(pool, inFlight, work),
  }
}

/** Requests in flight of clients that ask for very different amounts. */
const CLIENTS = [
  [20, 20, 20, 20],
  [200, 20, 20, 20],
  [200, 4, 4, 4],
]
const FAIRNESS_SECONDS = 120

export async function measureFairness(seed: string): Promise<Part> {
  const rows: { pool: Pool; clients: number[]; served: readonly number[] }[] = []
  for (const pool of STEADY) {
    for (const clients of CLIENTS) {
      const backends = Object.fromEntries(pool.servers.map(({ name }) => [name, { url: `http://${name}` }]))
      const simulation = new Simulation({ pool, policy: { backends, health: false }, seed })
      const { served } = await simulation.run({ clients, seconds: FAIRNESS_SECONDS })
      rows.push({ pool, clients, served })
    }
  }
  const shares = (served: readonly number[]) =>
    served.map((count) => `${Math.round((100 * count) / sum(served))} %`).join(', ')
  return table(
    'Clients',
    rows,
    [
      ['pool', ({ pool }) => pool.title],
      ['in flight, by client', ({ clients }) => clients.join(', ')],
      ['share of the work', ({ served }) => shares(served)],
      ["Jain's index", ({ served }) => jain(served).toFixed(3)],
    ],
    3,
  )
}

/** 1 when all have the same, 1/n when one has everything (R. Jain et al., DEC-TR-301, 1984). */
function jain(shares: readonly number[]): number {
  return sum(shares) ** 2 / (shares.length * sum(shares.map((share) => share ** 2)))
}
