import { expect, it } from 'vitest'
import { isRecord } from './record.ts'

it.each([
  [{}, true],
  [Object.create(null), true],
  [[], false],
  [null, false],
  [undefined, false],
  ['a', false],
])('%j: %s', (value, is) => {
  expect(isRecord(value)).toBe(is)
})
