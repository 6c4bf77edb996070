import { describe, expect, it } from 'vitest'
import { digestOf, digestOfAll } from './digest.ts'

describe('a digest', () => {
  it.each<[unknown, unknown]>([
    [
      ['ab', 'c'],
      ['a', 'bc'],
    ],
    [{ a: 1 }, { a: '1' }],
    [{ a: null }, { a: 'null' }],
    [[[], []], [[[]]]],
    [{}, []],
    [{ a: { b: 1 } }, { a: {}, b: 1 }],
    ['\ud800', '\ud801'],
    ['x'.repeat(1_000_000), `${'x'.repeat(999_999)}y`],
  ])('differs for different values (%#)', (one, other) => {
    expect(digestOf(one)).not.toBe(digestOf(other))
    expect(digestOf(one)).toBe(digestOf(structuredClone(one)))
    expect(digestOf(one)).toHaveLength(22)
  })

  it('takes values of any depth, and those with circles', () => {
    let deep: unknown = 1
    for (let depth = 0; depth < 100_000; depth++) deep = [deep]
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    expect([digestOf(deep), digestOf(circle)]).toEqual([expect.any(String), expect.any(String)])
  })

  it('of texts goes by where each ends', () => {
    expect(digestOfAll(['ab', 'c'])).not.toBe(digestOfAll(['a', 'bc']))
  })
})
