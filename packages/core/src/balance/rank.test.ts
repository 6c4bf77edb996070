import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keysOf } from '../../../../test/support/job-keys.ts'
import { answered } from '../../../../test/support/outcomes.ts'
import { Backend } from '../backend/backend.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type StrategyName, strategies } from './strategies.ts'
import type { Job } from './strategy.ts'

const KINDS = ['clip/visual/ViT', 'ocr/detection/PP']

const server = fc.record({
  weight: fc.constantFrom(0.5, 1, 3),
  maxConcurrent: fc.constantFrom<(number | 'auto')[]>('auto', 2, Number.POSITIVE_INFINITY),
  endpoints: fc.constantFrom(1, 1, 3),
})

const step = fc.record({
  kind: fc.constantFrom(...KINDS),
  time: fc.integer({ min: 0, max: 3_000 }),
  ends: fc.boolean(),
  queued: fc.integer({ min: 0, max: 3 }),
  urgent: fc.boolean(),
  leftOut: fc.nat(8),
})

function serversOf(
  settings: readonly { weight: number; maxConcurrent: number | 'auto'; endpoints: number }[],
) {
  const clock = new FakeClock()
  const backends = settings.flatMap(({ endpoints, ...own }, i) =>
    Array.from({ length: endpoints }, (_, j) => {
      const endpoint = endpoints === 1 ? undefined : { address: `10.0.0.${j}`, port: 3003 }
      return new Backend(`server-${i}`, { url: `http://server-${i}`, endpoint, clock, ...own })
    }),
  )
  return { clock, backends }
}

describe.each(Object.keys(strategies) as StrategyName[])('the ranks of %s', (name) => {
  it('are the same until a turn is taken, and wait for a full backend only where the strategy may', () => {
    fc.assert(
      fc.property(fc.array(server, { minLength: 1, maxLength: 3 }), fc.array(step), (settings, steps) => {
        const { clock, backends } = serversOf(settings)
        const [asked, twin] = [strategies[name](), strategies[name]()]
        let ends: (() => void)[] = []
        for (const { kind, time, ends: over, leftOut, ...rest } of steps) {
          const job: Job = { kind, models: kind, sinceLast: 0, ...rest }
          const candidates = backends.flatMap((backend, i) =>
            i === leftOut ? [] : { backend, isFull: !backend.limit.hasSlot(job.urgent) },
          )
          if (candidates.length === 0) continue
          const ids = () => asked.rank(candidates, job).map(({ backend }) => backend.id)
          const [best] = asked.rank(candidates, job)
          const ranked = ids()
          // Another request is explained between the ranking and the turn.
          asked.rank(candidates.slice(1).length > 0 ? candidates.slice(1) : candidates, job)
          expect(ids()).toEqual(ranked)
          expect(twin.rank(candidates, job)[0]?.backend.id).toBe(best?.backend.id)
          expect(ranked.toSorted()).toEqual(candidates.map(({ backend }) => backend.id).sort())
          const chosen = candidates.find(({ backend }) => backend === best?.backend)
          if (chosen === undefined || chosen.isFull) {
            if (!MAY_WAIT.has(name)) expect(candidates.every(({ isFull }) => isFull)).toBe(true)
          } else {
            for (const strategy of [asked, twin]) strategy.picked?.(chosen.backend)
            const { release } = chosen.backend.reserve(undefined, kind)
            ends.push(() => release(answered))
          }
          clock.shift(time)
          if (!over) continue
          for (const end of ends) end()
          ends = []
        }
      }),
      { numRuns: 200 },
    )
  })

  it('say in words what they go by', () => {
    const { backends } = serversOf([{ weight: 2, maxConcurrent: 1, endpoints: 1 }])
    const [one] = backends
    if (one === undefined) throw new Error('there is one')
    const job: Job = { kind: 'clip/visual/ViT', models: 'clip/ViT', queued: 0, urgent: false, sinceLast: 0 }
    const words = () =>
      strategies[name]()
        .rank([{ backend: one, isFull: false }], job)
        .map((ranked) => ranked.reason())
    expect(words()).toEqual([WORDS[name][0]])
    one.reserve(keysOf('clip/visual'), job.kind).release(answered)
    one.reserve(keysOf('clip/visual'), job.kind)
    expect(words()).toEqual([WORDS[name][1]])
  })
})

const MAY_WAIT: ReadonlySet<StrategyName> = new Set(['first', 'peak-ewma'])

/** Of a backend that is idle and new, and of one that is full and has done such a job. */
const WORDS: Record<StrategyName, [string, string]> = {
  first: ['first in the list', 'first in the list'],
  'round-robin': ['has had no turn yet', 'has had no turn yet'],
  'weighted-round-robin': ['2 turns to its credit', '2 turns to its credit'],
  'least-conn': ['0 in flight for its weight of 2', '1 in flight for its weight of 2'],
  'peak-ewma': [
    'idle, and it is to be found out how long clip/visual/ViT takes there',
    'expected to be done in 0 ms, the wait for a slot included, divided by its weight of 2',
  ],
  'model-affinity': ['number 1 in the order of these models', 'number 1 in the order of these models'],
}
