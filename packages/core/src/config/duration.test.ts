import { describe, expect, it } from 'vitest'
import { parseDuration } from './duration.ts'

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
})
