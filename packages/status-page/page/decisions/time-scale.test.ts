import { expect, it } from 'vitest'
import { TimeScale } from './time-scale.ts'

it('gives every tenfold time the same width', () => {
  const scale = new TimeScale(400)
  expect([0, 1, 10, 100, 10_000].map((time) => scale.at(time))).toEqual([0, 0, 25, 50, 100])
})

it('ends at the power of ten that holds the longest time', () => {
  expect([12, 10_000, 10_001, 43_000_000].map((longest) => new TimeScale(longest).end)).toEqual([
    10_000, 10_000, 100_000, 100_000_000,
  ])
})

it('labels times that people know', () => {
  expect(new TimeScale(1).ticks).toEqual([10, 1_000])
  expect(new TimeScale(50_000).ticks).toEqual([10, 1_000, 60_000])
  expect(new TimeScale(43_200_000).ticks).toEqual([10, 1_000, 60_000, 3_600_000])
})
