import { describe, expect, it } from 'vitest'
import { LONGEST_NAME, shorten, shortenList } from './shorten.ts'

describe('shorten', () => {
  it.each([
    ['', ''],
    ['a'.repeat(256), 'a'.repeat(256)],
    ['a'.repeat(257), `${'a'.repeat(255)}…`],
    ['a'.repeat(1_000_000), `${'a'.repeat(255)}…`],
    // The pair would be cut in the middle.
    [`${'a'.repeat(254)}😀b`, `${'a'.repeat(254)}…`],
    [`${'a'.repeat(253)}😀bc`, `${'a'.repeat(253)}😀…`],
    ['😀'.repeat(200), `${'😀'.repeat(127)}…`],
    // A lone surrogate of the text stays alone.
    [`\ud800${'a'.repeat(300)}`, `\ud800${'a'.repeat(254)}…`],
  ])('gives a name at most 256 characters (%#)', (text, short) => {
    expect(shorten(text)).toBe(short)
    expect(short.length).toBeLessThanOrEqual(LONGEST_NAME)
  })
})

describe('shortenList', () => {
  it.each([
    [[], ''],
    [['a', 'b'], 'a+b'],
    [['a'.repeat(200), 'b'.repeat(55)], `${'a'.repeat(200)}+${'b'.repeat(55)}`],
    [['a'.repeat(200), 'b'.repeat(56)], `${'a'.repeat(200)}+${'b'.repeat(54)}…`],
    [['a'.repeat(256), 'b'], `${'a'.repeat(255)}…`],
  ])('joins names in at most 256 characters (%#)', (names, text) => {
    expect(shortenList(names, '+')).toBe(text)
  })

  it('reads no more names than fit', () => {
    let read = 0
    function* endless() {
      for (;;) {
        read++
        yield 'a'.repeat(8_000)
      }
    }
    expect(shortenList(endless(), '+')).toHaveLength(256)
    expect(read).toBeLessThanOrEqual(3)
  })
})
