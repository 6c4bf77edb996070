import { expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { compareAnswers } from './compare-answers.ts'

const clip = (...values: number[]) => Buffer.from(JSON.stringify({ clip: JSON.stringify(values) }))

it.each<[string, Buffer, Buffer, string | undefined]>([
  ['the same', clip(0.6, 0.8), clip(0.6, 0.8), undefined],
  ['a norm within 10 %', clip(0.6, 0.8), clip(0.65, 0.86), undefined],
  ['another norm', clip(0.6, 0.8), clip(6, 8), 'norm 1.00 and 10.0'],
  ['nothing but zeros', clip(0.6, 0.8), clip(0, 0), 'norm 1.00 and 0.00'],
  ['a cosine of 0.989', clip(1, 0), clip(0.98933, 0.14569), 'cosine 0.989'],
  ['a cosine of 0.991', clip(1, 0), clip(0.991, 0.13386), undefined],
  ['the opposite', clip(1, 0), clip(-1, 0), 'cosine -1'],
  ['no JSON', clip(1, 0), Buffer.from('<html>'), '2 values and no embedding'],
  ['an infinite number', clip(1, 0), Buffer.from('{"clip":"[1e999,0]"}'), '2 values and no embedding'],
])('%s', (_, first, second, difference) => {
  expect(compareAnswers(classified('image', 'clip/visual/a').entries, first, second)).toBe(difference)
})

it('does not judge tasks of forks', () => {
  const answers = ['{"nsfw-detection":0.1}', '{"nsfw-detection":0.9}'].map((text) => Buffer.from(text))
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = answers
  expect(compareAnswers(classified('image', 'nsfw-detection/any/a').entries, first, second)).toBeUndefined()
})
