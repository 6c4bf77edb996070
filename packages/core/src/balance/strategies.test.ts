import { describe, expect, it } from 'vitest'
import { pick } from '../../../../test/support/pick.ts'
import { Backend } from '../backend/backend.ts'
import { type StrategyName, strategies } from './strategies.ts'
import type { Job } from './strategy.ts'

const JOB: Job = { kind: 'clip/visual/ViT', models: 'clip/ViT', queued: 0, urgent: false, sinceLast: 0 }

/** Backends by name, with weights. */
function pool(weights: Record<string, number>): Record<string, Backend> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [
      name,
      new Backend(name, { url: `http://${name}`, weight }),
    ]),
  )
}

/** A step: the candidates, by name; picked ones stay in flight until their name stands behind a minus. */
type Step = string

interface Scenario {
  readonly strategy: StrategyName
  readonly what: string
  readonly weights: Record<string, number>
  readonly steps: readonly Step[]
  readonly picks: string
}

const scenarios: Scenario[] = [
  {
    strategy: 'first',
    what: 'always the first that is left',
    weights: { a: 1, b: 5, c: 1 },
    steps: ['a b c', 'a b c', 'b c', 'c', 'a b c'],
    picks: 'a a b c a',
  },
  {
    strategy: 'round-robin',
    what: 'each in turn',
    weights: { a: 1, b: 5, c: 1 },
    steps: Array(7).fill('a b c'),
    picks: 'a b c a b c a',
  },
  {
    strategy: 'round-robin',
    what: 'even when some are left out',
    weights: { a: 1, b: 1, c: 1 },
    steps: ['a b c', 'b c', 'b c', 'a b c', 'a b c', 'a b c'],
    picks: 'a b c a b c',
  },
  {
    strategy: 'weighted-round-robin',
    what: 'smooth, 5 to 1 to 1',
    weights: { a: 5, b: 1, c: 1 },
    steps: Array(14).fill('a b c'),
    picks: 'a a b a c a a a a b a c a a',
  },
  {
    strategy: 'weighted-round-robin',
    what: 'weights below 1',
    weights: { a: 0.5, b: 0.25 },
    steps: Array(6).fill('a b'),
    picks: 'a b a a b a',
  },
  {
    strategy: 'weighted-round-robin',
    what: 'among those that are left',
    weights: { a: 5, b: 2, c: 1 },
    steps: Array(6).fill('b c'),
    picks: 'b c b b c b',
  },
  {
    strategy: 'least-conn',
    what: 'fewest in flight, the first of equals',
    weights: { a: 1, b: 1 },
    steps: ['a b', 'a b', 'a b', '-b', 'a b', 'a b'],
    picks: 'a b a b b',
  },
  {
    strategy: 'least-conn',
    what: 'in flight per weight',
    weights: { gpu: 4, nas: 1 },
    steps: Array(10).fill('gpu nas'),
    picks: 'gpu gpu gpu gpu nas gpu gpu gpu gpu nas',
  },
]

describe.each(scenarios)('$strategy: $what', ({ strategy, weights, steps, picks }) => {
  it(picks, () => {
    const backends = pool(weights)
    const chosen = strategies[strategy]()
    const release = new Map<string, () => void>()
    const picked: string[] = []
    for (const step of steps) {
      if (step.startsWith('-')) {
        release.get(step.slice(1))?.()
        continue
      }
      const candidates = step.split(' ').flatMap((name) => backends[name] ?? [])
      const backend = pick(chosen, candidates, JOB)
      release.set(backend.name, backend.reserve().release)
      picked.push(backend.name)
    }
    expect(picked.join(' ')).toBe(picks)
  })
})

describe('the share of each backend', () => {
  it.each<[StrategyName, Record<string, number>, Record<string, number>]>([
    ['round-robin', { a: 1, b: 9, c: 3 }, { a: 1000, b: 1000, c: 1000 }],
    ['weighted-round-robin', { a: 1, b: 3, c: 2 }, { a: 500, b: 1500, c: 1000 }],
    ['least-conn', { a: 1, b: 3, c: 2 }, { a: 500, b: 1500, c: 1000 }],
  ])('%s', (strategy, weights, expected) => {
    const backends = Object.values(pool(weights))
    const chosen = strategies[strategy]()
    const share: Record<string, number> = {}
    for (let i = 0; i < 3000; i++) {
      const backend = pick(chosen, backends, JOB)
      backend.reserve()
      share[backend.name] = (share[backend.name] ?? 0) + 1
    }
    expect(share).toEqual(expected)
  })
})
