import { describe, expect, it } from 'vitest'
import { retryAfterOf } from './retry-after.ts'

describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')

  it.each([
    ['30', 30_000],
    ['0', undefined],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Thu, 01 Jan 2026 00:00:00 GMT', undefined],
    ['86400', 300_000],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (value, time) => {
    expect(retryAfterOf(value, now)).toBe(time)
  })
})
