import { expect, it } from 'vitest'
import { hasToken } from './token.ts'

it.each([
  ['Bearer open-sesame', true],
  ['bearer   open-sesame ', true],
  [undefined, false],
  ['', false],
  ['Bearer', false],
  ['Bearer open-sesam', false],
  ['Bearer open-sesame2', false],
  ['Basic open-sesame', false],
  ['Bearer x open-sesame', false],
])('Authorization "%s" has the token: %s', (authorization, expected) => {
  expect(hasToken({ headers: { authorization } }, 'open-sesame')).toBe(expected)
})
