import { expect, it } from 'vitest'
import { Rate } from './rate.ts'

it('is that of the last five minutes', () => {
  const rate = new Rate()
  rate.mark(0)
  expect(rate.perSecond(0)).toBeUndefined()
  for (let second = 1; second <= 600; second++) {
    for (let job = 0; job < (second <= 300 ? 1 : 4); job++) rate.add()
    rate.mark(second * 1_000)
  }
  expect(rate.perSecond(600_000)).toBeCloseTo(4, 1)
})

it('is unknown when nothing was done in that time', () => {
  const rate = new Rate()
  rate.mark(0)
  rate.add()
  expect(rate.perSecond(2_000)).toBe(0.5)
  rate.mark(10_000)
  rate.mark(400_000)
  rate.mark(800_000)
  expect(rate.perSecond(800_000)).toBeUndefined()
})
