import { expect, it } from 'vitest'
import { FakeClock } from '../../../../test/support/fake-clock.ts'
import { Arrivals } from './arrivals.ts'

it('numbers requests by arrival, and previews the next place without taking it', () => {
  const clock = new FakeClock()
  const arrivals = new Arrivals(clock)
  const first = arrivals.next()
  clock.advance(500)
  const preview = arrivals.preview()
  expect(arrivals.last).toBe(first.since)
  expect(arrivals.next()).toEqual(preview)
  expect([first.arrival, preview.arrival, preview.since - first.since]).toEqual([1, 2, 500])
})
