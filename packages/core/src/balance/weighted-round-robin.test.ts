import { expect, it } from 'vitest'
import { Backend } from '../backend/backend.ts'
import type { Job } from './strategy.ts'
import { weightedRoundRobin } from './weighted-round-robin.ts'

const JOB: Job = { kind: 'clip/visual/ViT', models: 'clip/ViT', queued: 0, urgent: false, sinceLast: 0 }
const candidate = (name: string, weight = 1, isFull = false) => ({
  backend: new Backend(name, { url: `http://${name}`, weight }),
  isFull,
})

it('gives turns in proportion to the weights, spread evenly, and says how many are due', () => {
  const candidates = [candidate('a', 2), candidate('b', 1)]
  const strategy = weightedRoundRobin()
  const picks = Array.from({ length: 6 }, () => {
    const [best] = strategy.rank(candidates, JOB)
    if (best === undefined) throw new TypeError('no candidate')
    strategy.picked?.(best.backend)
    return `${best.backend.name}: ${best.reason()}`
  })
  expect(picks.slice(0, 3)).toEqual([
    'a: 2 turns to its credit',
    'b: 2 turns to its credit',
    'a: 3 turns to its credit',
  ])
  expect(picks.slice(3)).toEqual(picks.slice(0, 3))
})
