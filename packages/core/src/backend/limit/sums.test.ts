import { expect, it } from 'vitest'
import { add, errorOf, halve, noSums, shareOf } from './sums.ts'

const job = (time: number, unqueued: number) => ({ count: 1, level: 2, time, unqueued, doubt: unqueued / 4 })

it('adds jobs up, and lets earlier ones count for half', () => {
  const sums = noSums()
  add(sums, job(100, 50))
  add(sums, job(300, 50))
  expect(sums).toEqual({ count: 2, level: 4, time: 400, unqueued: 100, doubt: 25 })
  halve(sums)
  expect(sums).toEqual({ count: 1, level: 2, time: 200, unqueued: 50, doubt: 12.5 })
})

it('knows which share of the time was not spent in a queue', () => {
  expect([shareOf(job(100, 25)), shareOf(job(100, 120)), shareOf(noSums())]).toEqual([0.25, 1.2, 1])
})

it('is more certain of many jobs, and of kinds that are known well', () => {
  const few = { ...job(100, 100), count: 1 }
  const many = { ...few, count: 100 }
  expect(errorOf(many)).toBeLessThan(errorOf(few))
  expect(errorOf({ ...many, doubt: 0 })).toBeLessThan(errorOf(many))
})
