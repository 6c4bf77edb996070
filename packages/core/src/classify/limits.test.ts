import { expect, it } from 'vitest'
import { defaults } from '../config/defaults.ts'
import { resolveLimits } from './limits.ts'

it('reads sizes, and keeps the default of what is not given', () => {
  expect(resolveLimits({ entriesSize: '1kb', partHeaderSize: 80, parts: 3, entries: undefined })).toEqual({
    ...defaults.limits,
    entriesSize: 1_024,
    partHeaderSize: 80,
    parts: 3,
  })
  expect(resolveLimits()).toEqual(defaults.limits)
})
