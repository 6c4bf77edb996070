import { expect, it } from 'vitest'
import { capacity, idealMakespan, idealWork } from './ideal.ts'
import type { Pool } from './pools.ts'

const pool: Pool = {
  name: 'test',
  title: '',
  servers: [
    { name: 'nas', workers: 1, time: 200 },
    { name: 'gpu', workers: 4, time: 20 },
    { name: 'mac', workers: 2, time: 40 },
  ],
}
const changing: Pool = { ...pool, slow: { server: 'gpu', factor: 3 } }

it.each([
  [1, 50],
  [5, 225],
  [7, 255],
  [64, 255],
])('with %i in flight, the fastest workers count: %i a second', (inFlight, expected) => {
  expect(capacity(pool, inFlight)).toBeCloseTo(expected, 10)
})

it('a server that is slow counts as it is then', () => {
  expect(capacity(changing, 64, true)).toBeCloseTo(4 * (50 / 3) + 55, 10)
  expect(capacity(changing, 2, true)).toBeCloseTo(50, 10)
  expect(idealWork(pool, 64, 3)).toBeCloseTo(765, 10)
  expect(idealWork(changing, 64, 3)).toBeCloseTo(255 * 2 + 4 * (50 / 3) + 55, 10)
})

it('the last image takes its time', () => {
  expect(idealMakespan(pool, 64, 255)).toBeCloseTo(1020, 10)
})
