import { expect, it } from 'vitest'
import { percentile } from '../lib/stats.ts'
import { idealMakespan, idealWork } from '../pool/ideal.ts'
import { POOLS } from '../pool/pools.ts'
import { Simulation } from './world.ts'

const [pool] = POOLS
if (pool === undefined) throw new Error('there is no pool')
/** Only URLs are configured. */
const policy = {
  backends: Object.fromEntries(pool.servers.map(({ name }) => [name, { url: `http://${name}` }])),
  health: false,
} as const

/** One draw may mislead the learned values for a while. */
const SEEDS = ['one', 'two', 'three', 'four', 'five']

it.each([8, 16, 64])(
  'with URLs alone and %i in flight, servers work and searches do not wait',
  async (inFlight) => {
    let work = 0
    const searches: { idle: number[]; busy: number[] } = { idle: [], busy: [] }
    for (const seed of SEEDS) {
      const simulation = new Simulation({ pool, policy, seed })
      const idle = await simulation.run({ clients: [], seconds: 30, searchEvery: 150 })
      const busy = await simulation.run({ clients: [inFlight], seconds: 60, searchEvery: 150 })
      work += busy.work
      searches.idle.push(...idle.searches)
      searches.busy.push(...busy.searches)
    }
    expect(work / (SEEDS.length * idealWork(pool, inFlight, 60))).toBeGreaterThan(0.95)
    expect(percentile(searches.busy, 0.95)).toBeLessThan(2 * percentile(searches.idle, 0.95))
  },
)

it.each([8, 16, 64])(
  'with URLs alone and %i in flight, an import of 200 images is nearly as quick as can be',
  async (inFlight) => {
    const load = { clients: [inFlight], jobs: ['indexing'] } as const
    const simulation = new Simulation({ pool, policy, seed: 'test' })
    await simulation.run({ ...load, images: 400 })
    await simulation.settle()
    const { time, work } = await simulation.run({ ...load, images: 200 })
    expect(time).toBeLessThan(1.08 * idealMakespan(pool, inFlight, work))
  },
)

it.each([
  [8, 0.97],
  [16, 0.99],
  [64, 0.99],
])('with everything known and %i in flight, the share of the ideal is %d', async (inFlight, share) => {
  const simulation = new Simulation({ pool, seed: 'test' })
  const idle = await simulation.run({ clients: [], seconds: 30, searchEvery: 150 })
  const busy = await simulation.run({ clients: [inFlight], seconds: 60, searchEvery: 150 })
  expect(busy.work / idealWork(pool, inFlight, 60)).toBeGreaterThan(share)
  expect(percentile(busy.searches, 0.95)).toBeLessThan(1.6 * percentile(idle.searches, 0.95))
})
