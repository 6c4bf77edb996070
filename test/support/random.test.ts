import { expect, it } from 'vitest'
import { mean } from '../../bench/lib/stats.ts'
import { exponential, lognormal, type Random, seeded } from './random.ts'

const DRAWS = 20_000
const draw = (make: (random: Random) => number) => {
  const random = seeded('test', 1)
  return Array.from({ length: DRAWS }, () => make(random))
}

it('the same seed gives the same numbers, another one others', () => {
  const first = (random: Random) => [random(), random(), random()]
  expect(first(seeded('a', 1))).toEqual(first(seeded('a', 1)))
  expect(first(seeded('a', 1))).not.toEqual(first(seeded('a', 2)))
})

it('numbers lie evenly from 0 to below 1', () => {
  const tenths = Array<number>(10).fill(0)
  for (const number of draw((random) => random())) {
    const tenth = Math.floor(number * 10)
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
  }
  for (const count of tenths) expect(Math.abs(count - DRAWS / 10)).toBeLessThan(DRAWS / 100)
  expect(tenths).toHaveLength(10)
})

it('a lognormal factor has mean 1 and the deviation that was asked for', () => {
  const factors = draw((random) => lognormal(random, 0.3))
  expect(mean(factors)).toBeCloseTo(1, 1)
  expect(Math.sqrt(mean(factors.map((factor) => (factor - 1) ** 2)))).toBeCloseTo(0.3, 1)
  expect(Math.min(...factors)).toBeGreaterThan(0)
})

it('a Poisson stream has the mean that was asked for', () => {
  expect(mean(draw((random) => exponential(random, 150))) / 150).toBeCloseTo(1, 1)
})
