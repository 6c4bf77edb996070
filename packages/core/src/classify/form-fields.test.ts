import { expect, it, vi } from 'vitest'
import type { PredictInput } from './classification.ts'
import type { ParsedEntries } from './entries.ts'
import { type FieldKind, FormFields } from './form-fields.ts'

const parsed: ParsedEntries = { ok: true, entries: [], tasks: [] }

it.each<[FieldKind | undefined, FieldKind | undefined, PredictInput | undefined]>([
  [undefined, undefined, undefined],
  ['text', undefined, 'text'],
  ['empty', undefined, undefined],
  // FastAPI's `Form` does not accept a file.
  ['file', undefined, undefined],
  ['text', 'file', 'image'],
  ['text', 'text', 'image'],
  ['text', 'empty', 'text'],
])('with a text %s and an image %s, the input is %s', (text, image, input) => {
  const fields = new FormFields()
  fields.setEntries(() => parsed)
  if (text !== undefined) fields.setPayload('text', text)
  if (image !== undefined) fields.setPayload('image', image)
  expect(fields.classify('no-entries').input).toBe(input)
})

it('parses only the last entries', () => {
  const fields = new FormFields()
  const first = vi.fn(() => parsed)
  fields.setEntries(first)
  fields.setEntries(() => ({ ok: false, reason: 'invalid-json' }))
  expect([fields.classify('no-entries').reason, first.mock.calls]).toEqual(['invalid-json', []])
})

it('does not read entries in a file', () => {
  const fields = new FormFields()
  expect([fields.hasEntries, fields.classify('truncated').reason]).toEqual([false, 'truncated'])
  fields.setEntries(() => parsed)
  expect(fields.hasEntries).toBe(true)
  fields.setEntriesFile()
  expect([fields.hasEntries, fields.classify('truncated').reason]).toEqual([false, 'entries-in-file'])
})
