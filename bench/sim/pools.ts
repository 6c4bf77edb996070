import type { Policy } from '@immich-ml-router/core'
import { percentile } from '../lib/stats.ts'
import type { Table } from '../lib/table.ts'
import { CONTENDERS, type Contender } from '../pool/contenders.ts'
import { idealMakespan, idealWork } from '../pool/ideal.ts'
import { POOLS, type Pool } from '../pool/pools.ts'
import { Simulation } from './world.ts'

const SEARCH_EVERY = 150
const IDLE = 30
const IMPORT = 60
const IMAGES = 200
const IN_FLIGHT = [8, 16, 64]

/** Every strategy, with the same jobs. */
export async function measurePools(seed: string): Promise<Table> {
  const rows: string[][] = []
  for (const pool of POOLS.filter(({ slow }) => slow === undefined)) {
    for (const contender of CONTENDERS) {
      if (contender.kind !== 'router' && contender.kind !== 'all-known') continue
      const cells = await Promise.all(IN_FLIGHT.map((inFlight) => measure(pool, contender, inFlight, seed)))
      const each = (write: (cell: Cell) => string) => cells.map(write).join(' / ')
      rows.push([
        pool.title,
        contender.label,
        each(({ share }) => share.toFixed(2)),
        each(({ idle }) => idle.toFixed(0)),
        each(({ busy }) => busy.toFixed(0)),
        each(({ makespan }) => makespan.toFixed(2)),
      ])
    }
  }
  return {
    head: [
      'pool',
      'contender',
      'share of the ideal',
      'search p95 idle, ms',
      'busy, ms',
      '200 images, of the bound',
    ],
    rows,
    words: 2,
  }
}

interface Cell {
  readonly share: number
  readonly idle: number
  readonly busy: number
  readonly makespan: number
}

type Simulated = Extract<Contender, { kind: 'router' | 'all-known' }>

async function measure(pool: Pool, contender: Simulated, inFlight: number, seed: string): Promise<Cell> {
  const begin = () => new Simulation({ pool, ...policyOf(pool, contender), seed })
  const searched = begin()
  const idle = await searched.run({ clients: [], seconds: IDLE, searchEvery: SEARCH_EVERY })
  const load = { clients: [inFlight], seconds: IMPORT, searchEvery: SEARCH_EVERY }
  const busy = await searched.run(load)
  const imported = begin()
  await imported.run({ clients: [inFlight], jobs: ['indexing'], images: 2 * IMAGES })
  await imported.settle()
  const { time, work } = await imported.run({ clients: [inFlight], jobs: ['indexing'], images: IMAGES })
  return {
    share: busy.work / idealWork(pool, inFlight, IMPORT),
    idle: percentile(idle.searches, 0.95),
    busy: percentile(busy.searches, 0.95),
    makespan: time / idealMakespan(pool, inFlight, work),
  }
}

/** Contenders are written as a configuration file would say it. */
function policyOf(pool: Pool, contender: Simulated): { policy?: Policy } {
  if (contender.kind === 'all-known') return {}
  const policy = contender.options(
    pool.servers.map((server) => ({ ...server, url: `http://${server.name}` })),
  )
  return { policy: { ...(policy as Policy), health: false } }
}
