import { describe, expect, it } from 'vitest'
import { linear, logarithmic } from './scale.ts'

describe('a linear scale', () => {
  it.each([
    [1, [0, 0.5, 1]],
    [7, [0, 5, 10]],
    [10.4, [0, 5, 10, 15]],
    [24, [0, 10, 20, 30]],
    [0.3, [0, 0.1, 0.2, 0.3]],
  ])('up to %d has the ticks %j', (highest, ticks) => {
    const scale = linear(highest, 100, 0)
    expect(scale.ticks.map((tick) => Number(tick.toFixed(6)))).toEqual(ticks)
    expect([scale.at(0), scale.at(ticks.at(-1) ?? 0)]).toEqual([100, expect.closeTo(0)])
  })
})

describe('a logarithmic scale', () => {
  it('includes every value', () => {
    const scale = logarithmic(3, 4_000, 100, 0)
    expect(scale.ticks).toEqual([1, 10, 100, 1_000, 10_000])
    expect([1, 10, 100, 10_000].map((value) => scale.at(value))).toEqual([100, 75, 50, 0])
  })

  it('has two ticks for a single value', () => {
    expect(logarithmic(10, 10, 1, 0).ticks).toEqual([10, 100])
  })

  it('draws smaller values and 0 at its end', () => {
    const scale = logarithmic(10, 100, 1, 0)
    expect([scale.at(1), scale.at(0)]).toEqual([1, 1])
  })
})
