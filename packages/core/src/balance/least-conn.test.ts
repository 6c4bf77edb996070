import { expect, it } from 'vitest'
import { Backend } from '../backend/backend.ts'
import { leastConn } from './least-conn.ts'
import type { Job } from './strategy.ts'

const JOB: Job = { kind: 'clip/visual/ViT', models: 'clip/ViT', queued: 0, urgent: false, sinceLast: 0 }
const candidate = (name: string, weight = 1, isFull = false) => ({
  backend: new Backend(name, { url: `http://${name}`, weight }),
  isFull,
})

it('counts the requests in flight for the weight, and says so', () => {
  const [a, b] = [candidate('a'), candidate('b', 4)]
  for (const { backend } of [a, b, b]) backend.reserve()
  const ranked = leastConn().rank([a, b], JOB)
  expect(ranked.map(({ backend, score, reason }) => [backend.name, score, reason()])).toEqual([
    ['b', 0.75, '2 in flight for its weight of 4'],
    ['a', 2, '1 in flight'],
  ])
})

it('ranks a full backend behind a free one', () => {
  const ranked = leastConn().rank([candidate('a', 9, true), candidate('b')], JOB)
  expect(ranked.map(({ backend }) => backend.name)).toEqual(['b', 'a'])
})
