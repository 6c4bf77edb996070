import { expect, it } from 'vitest'
import { Backend } from '../backend/backend.ts'
import { roundRobin } from './round-robin.ts'
import type { Job } from './strategy.ts'

const JOB: Job = { kind: 'clip/visual/ViT', models: 'clip/ViT', queued: 0, urgent: false, sinceLast: 0 }
const candidate = (name: string, weight = 1, isFull = false) => ({
  backend: new Backend(name, { url: `http://${name}`, weight }),
  isFull,
})

it('ranks the backend first whose last turn is longest ago, and says when that was', () => {
  const [a, b] = [candidate('a'), candidate('b')]
  const strategy = roundRobin()
  const reasons = () => strategy.rank([a, b], JOB).map(({ backend, reason }) => `${backend.name} ${reason()}`)
  expect(reasons()).toEqual(['a has had no turn yet', 'b has had no turn yet'])
  strategy.picked?.(a.backend)
  expect(reasons()).toEqual(['b has had no turn yet', 'a its last turn was 1 before this'])
  strategy.picked?.(b.backend)
  expect(reasons()).toEqual(['a its last turn was 2 before this', 'b its last turn was 1 before this'])
})

it('changes no turn by ranking, and skips a full backend', () => {
  const [a, b] = [candidate('a', 1, true), candidate('b')]
  const strategy = roundRobin()
  for (let i = 0; i < 3; i++) expect(strategy.rank([a, b], JOB)[0]?.backend.name).toBe('b')
})
