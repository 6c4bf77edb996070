import { describe, expect, it } from 'vitest'
import { formatFor } from './format.ts'

/** Replaces spaces of all kinds by the usual one. */
const plain = (text: string) => text.replaceAll(/\s/g, ' ')

describe('durations', () => {
  const { duration } = formatFor('en')

  it.each([
    [0, '0 ms'],
    [0.25, '0.3 ms'],
    [9.9, '9.9 ms'],
    [9.96, '10 ms'],
    [999.4, '999 ms'],
    [999.6, '1 s'],
    [1_250, '1.3 s'],
    [9_960, '10 s'],
    [59_400, '59 s'],
    [59_600, '1 min'],
    [185_000, '3 min 5 s'],
    [3_599_600, '1 h'],
    [7_500_000, '2 h 5 min'],
    [86_400_000, '24 h'],
  ])('%d ms are %s', (milliseconds, text) => {
    expect(plain(duration(milliseconds))).toBe(text)
  })

  it('have a no-break space before the unit', () => {
    expect(duration(12)).not.toContain(' ')
  })
})

describe('numbers', () => {
  it('follow the locale', () => {
    const [en, de] = [formatFor('en'), formatFor('de')]
    expect([en.count(12_345), de.count(12_345)]).toEqual(['12,345', '12.345'])
    expect([en.rate(0.125), de.rate(0.125)]).toEqual(['0.13', '0,13'])
    expect([en.duration(1_500), de.duration(1_500)].map(plain)).toEqual(['1.5 s', '1,5 s'])
    expect([en.bytes(500_000), de.bytes(1_500_000)].map(plain)).toEqual(['500 kB', '1,5 MB'])
  })

  it.each([
    [1, '100%'],
    [0.99999, '99.9%'],
    [0.995, '99.5%'],
    [0.5, '50%'],
    [0.004, '<1%'],
    [0, '0%'],
  ])('a share of %d is %s, never rounded to 0 or 100 %%', (share, text) => {
    expect(formatFor('en').share(share)).toBe(text)
  })

  it.each([
    [0.04, '0.04'],
    [3.44, '3.4'],
    [120.4, '120'],
  ])('a rate of %d is %s', (rate, text) => {
    expect(formatFor('en').rate(rate)).toBe(text)
  })
})
