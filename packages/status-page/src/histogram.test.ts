import { describe, expect, it } from 'vitest'
import { Histogram } from './histogram.ts'

function of(...times: number[]): Histogram {
  const histogram = new Histogram()
  for (const time of times) histogram.add(time)
  return histogram
}

describe('a histogram', () => {
  it('has no percentile while it is empty', () => {
    expect(new Histogram().percentile(50)).toBeUndefined()
  })

  it.each([0.3, 1, 12, 480, 33_000, 3_600_000])('is right about %d ms within 5 %%', (time) => {
    const percentile = of(time).percentile(50) ?? 0
    expect(Math.abs(percentile / time - 1)).toBeLessThan(0.05)
  })

  it('computes percentiles', () => {
    const histogram = of(...Array.from({ length: 100 }, (_, i) => i + 1))
    for (const percent of [1, 10, 50, 95, 100])
      expect(Math.abs((histogram.percentile(percent) ?? 0) / percent - 1)).toBeLessThan(0.05)
  })

  it.each([0, -1, 0.001, Number.MAX_VALUE, Number.POSITIVE_INFINITY])(
    'counts %d in its first or last bin',
    (time) => {
      expect(of(time).percentile(50)).toBe(of(time <= 1 ? 0.25 : 1e9).percentile(50))
    },
  )

  it('merges another', () => {
    const [one, other] = [of(10), of(1_000, 1_000)]
    one.merge(other)
    one.merge(new Histogram())
    expect([one.count, Math.round((one.percentile(95) ?? 0) / 100)]).toEqual([3, 10])
    expect(other.count).toBe(2)
  })
})
