import { describe, expect, it } from 'vitest'
import { parseSize } from './size.ts'

describe('sizes', () => {
  it.each<[string | number, number | undefined]>([
    [7, 7],
    ['7', 7],
    ['7b', 7],
    ['32m', 33_554_432],
    ['32mb', 33_554_432],
    ['32 MiB', 33_554_432],
    ['0.5k', 512],
    ['2G', 2_147_483_648],
    ['unlimited', Number.POSITIVE_INFINITY],
    ['-1', undefined],
    ['32 bananas', undefined],
    ['', undefined],
  ])('%s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })
})
