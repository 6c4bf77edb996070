import { describe, expect, it } from 'vitest'
import { Backend } from '../backend/backend.ts'
import { first, inFlightPerWeight, placesOf } from './first.ts'
import type { Job } from './strategy.ts'

const JOB: Job = { kind: 'clip/visual/ViT', models: 'clip/ViT', queued: 0, urgent: false, sinceLast: 0 }
const candidate = (name: string, { weight = 1, address = '', isFull = false } = {}) => ({
  backend: new Backend(name, {
    url: `http://${name}`,
    weight,
    endpoint: address === '' ? undefined : { address, port: 3003 },
  }),
  isFull,
})

describe('first', () => {
  it('waits for the first backend of the list when that is full', () => {
    const [a, b] = [candidate('a', { isFull: true }), candidate('b')]
    const ranked = first().rank([a, b], JOB)
    expect(ranked.map(({ backend, reason }) => [backend.name, reason()])).toEqual([
      ['a', 'first in the list'],
      ['b', 'behind a in the list'],
    ])
  })

  it('sends to the endpoint with the fewest requests in flight for its weight', () => {
    const endpoints = [
      candidate('a', { address: '10.0.0.1' }),
      candidate('a', { address: '10.0.0.2', weight: 3 }),
    ]
    for (const { backend } of endpoints) backend.reserve()
    expect(endpoints.map(inFlightPerWeight)).toEqual([1, 1 / 3])
    const [best] = first().rank(endpoints, JOB)
    expect([best?.backend.endpoint, best?.reason()]).toEqual([
      '10.0.0.2:3003',
      'first in the list, 1 in flight there',
    ])
  })
})

it('endpoints of one backend share a place', () => {
  const candidates = [
    candidate('a', { address: '10.0.0.1' }),
    candidate('a', { address: '10.0.0.2' }),
    candidate('b'),
  ]
  expect(candidates.map(placesOf(candidates))).toEqual([0, 0, 1])
})
