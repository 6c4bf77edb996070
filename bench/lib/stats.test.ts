import { describe, expect, it } from 'vitest'
import { distribution, mean, median, percentile, spread } from './stats.ts'

describe('percentile', () => {
  it.each([
    [[7], 0.95, 7],
    [[3, 1, 2], 0, 1],
    [[3, 1, 2], 1, 3],
    [[4, 1, 3, 2], 0.5, 2.5],
    [[10, 20, 30, 40, 50], 0.9, 46],
    [[2, 10], 0.5, 6],
  ])('of %j at %d is %d', (values, share, expected) => {
    expect(percentile(values, share)).toBeCloseTo(expected, 10)
  })

  it('sorts by size, not as text, and leaves its argument as it is', () => {
    const values = [100, 9, 20]
    expect(median(values)).toBe(20)
    expect(values).toEqual([100, 9, 20])
  })

  it('of nothing is not a number', () => {
    expect([percentile([], 0.5), mean([])]).toEqual([Number.NaN, Number.NaN])
  })
})

it('spread is the least, the middle and the most', () => {
  expect(spread([5, 1, 9])).toEqual({ least: 1, median: 5, most: 9 })
})

it('distribution climbs to 1', () => {
  expect(distribution([20, 10, 10, 40])).toEqual([
    [10, 0.25],
    [10, 0.5],
    [20, 0.75],
    [40, 1],
  ])
})
