import { expect, it } from 'vitest'
import { isSameModel } from './embedding.ts'

const answer = (values: unknown) => Buffer.from(JSON.stringify({ clip: JSON.stringify(values) }))

it.each([
  ['the same numbers', [1, 2, 3], [1, 2, 3], true],
  ['half precision', [0.1234567, 0.7654321], [0.1235, 0.765], true],
  ['another length', [1, 2], [1, 2, 3], false],
  ['another direction', [1, 0], [0.9, 0.436], false],
  ['zeros', [0, 0], [0, 0], true],
  ['what is no list of numbers', ['a'], [1], true],
  ['what is no list', 'a', [1], true],
])('compares %s', (_, one, other, same) => {
  expect(isSameModel(answer(one), answer(other))).toBe(same)
})

it('takes answers of another form for the same', () => {
  expect(isSameModel(Buffer.from('{"clip":[1]}'), answer([1]))).toBe(true)
  expect(isSameModel(Buffer.from('no JSON'), answer([1]))).toBe(true)
})
