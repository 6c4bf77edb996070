import { expect, it } from 'vitest'
import { resolveTimeouts } from './timeouts.ts'

it('the most particular timeout counts', () => {
  expect(resolveTimeouts({ response: '1s' }, { response: '2s', idle: 3 }, { total: '1m', idle: 4 })).toEqual({
    connect: 2_000,
    response: 1_000,
    idle: 3,
    load: 120_000,
    total: 60_000,
  })
  expect(resolveTimeouts(undefined, undefined)).toEqual({
    connect: 2_000,
    response: 600_000,
    idle: 120_000,
    load: 120_000,
    total: Number.POSITIVE_INFINITY,
  })
})
