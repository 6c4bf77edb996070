import { describe, expect, it } from 'vitest'
import { parseDuration } from '../config/duration.ts'
import { resolveTimeouts } from '../config/timeouts.ts'

describe('durations', () => {
  it.each<[string | number, number | undefined]>([
    [250, 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5 m', 90_000],
    ['12h', 43_200_000],
    ['1d', 86_400_000],
    ['unlimited', Number.POSITIVE_INFINITY],
    ['30', undefined],
    ['30 parsecs', undefined],
    ['-1s', undefined],
  ])('%s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })

  it('the most particular timeout counts', () => {
    expect(
      resolveTimeouts({ response: '1s' }, { response: '2s', idle: 3 }, { total: '1m', idle: 4 }),
    ).toEqual({ connect: 2_000, response: 1_000, idle: 3, total: 60_000 })
    expect(resolveTimeouts(undefined, undefined)).toEqual({
      connect: 2_000,
      response: 600_000,
      idle: 120_000,
      total: Number.POSITIVE_INFINITY,
    })
  })
})
