import { expect, it } from 'vitest'
import { defaults } from '../config/defaults.ts'
import { decodeField, parseEntries } from './entries.ts'

const limits = { ...defaults.limits, entries: 2, nameLength: 5, jsonDepth: 4, jsonValues: 8 }
const job = (options: string) => `{"clip":{"text":{"modelName":"m","options":${options}}}}`

it('reads jobs in their order', () => {
  const text = '{"clip":{"b":{"modelName":"m"},"a":{"modelName":"n","options":{"x":[1]}}}}'
  expect(parseEntries(text, defaults.limits)).toEqual({
    ok: true,
    entries: [
      { task: 'clip', type: 'b', model: 'm', options: {} },
      { task: 'clip', type: 'a', model: 'n', options: { x: [1] } },
    ],
    tasks: ['clip'],
  })
})

it.each([
  ['{"clip":{"text":{"modelName":"m"}}', 'invalid-json'],
  ['{"clip":{"text":{"__proto__":{"modelName":"m"}}}}', 'invalid-entries'],
  ['{"123456":{"a":{"modelName":"m"}}}', 'too-long-name'],
  ['{"t":{"a":{"modelName":""},"b":{"modelName":""},"c":{"modelName":""}}}', 'too-many-entries'],
  [job('[[]]'), 'too-deep-entries'],
  [job('[1,1,1]'), 'ok'],
  [job('[1,1,1,1]'), 'too-many-values'],
  [job('["[[[[[,,,,,{\\"]"]'), 'ok'],
])('%s: %s', (text, result) => {
  const parsed = parseEntries(text, limits)
  expect(parsed.ok ? 'ok' : parsed.reason).toBe(result)
})

it('decodes invalid UTF-8 as Latin-1, and keeps a byte order mark', () => {
  expect(decodeField(Buffer.from('größe'), 'utf-8')).toBe('größe')
  expect(decodeField(Buffer.from('größe', 'latin1'), 'utf-8')).toBe('größe')
  expect(decodeField(Buffer.from('ö'), 'latin1')).toBe('\u00c3\u00b6')
  expect(decodeField(Buffer.from('\ufeff{}'), 'utf-8')).toBe('\ufeff{}')
})
