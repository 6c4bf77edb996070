import { expect, it } from 'vitest'
import { mergeAnswers } from './merge-answers.ts'

const answer = (task: string, body: string | undefined) => ({
  task,
  body: body === undefined ? body : Buffer.from(body),
})
const merge = (...answers: [task: string, body: string | undefined][]) =>
  mergeAnswers(answers.map(([task, body]) => answer(task, body)))?.toString()

it('keeps the order of the tasks and every byte of their results', () => {
  const clip = ' \n{"imageWidth":3, "clip" : [0.10, 1e-7,\t-0.0], "imageHeight":4 } '
  const ocr = '{"ocr":{"text":["}\\"é"]},"imageHeight":4,"imageWidth":3}'
  expect(merge(['ocr', ocr], ['clip', clip])).toBe(
    '{"ocr":{"text":["}\\"é"]},"clip":[0.10, 1e-7,\t-0.0],"imageHeight":4,"imageWidth":3}',
  )
})

it('has each further member once, and no result of another task', () => {
  const first = '{"clip":1,"ocr":"wrong","time":5,"imageHeight":4}'
  expect(merge(['clip', first], ['ocr', '{"clip":"wrong","ocr":2,"time":6,"v":"x"}'])).toBe(
    '{"clip":1,"ocr":2,"imageHeight":4,"time":5,"v":"x"}',
  )
})

it('writes names of tasks as JSON', () => {
  const task = 'a"\\\n'
  expect(merge([task, JSON.stringify({ [task]: 1 })], ['__proto__', '{"__proto__":2}'])).toBe(
    `{${JSON.stringify(task)}:1,"__proto__":2}`,
  )
})

it.each([
  ['no JSON', 'x'],
  ['an array', '[1]'],
  ['half of an object', '{"clip":1'],
  ['more than an object', '{"clip":1} x'],
  ['another task', '{"ocr":1}'],
  ['an unknown content coding', undefined],
])('is not possible with %s', (_, body) => {
  expect(merge(['ocr', '{"ocr":1}'], ['clip', body])).toBeUndefined()
})
