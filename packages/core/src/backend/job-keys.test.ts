import { expect, it } from 'vitest'
import type { Entry } from '../classify/classification.ts'
import { boundedKey, MOST_ENTRIES, namesOfEntries, withShortNames } from './job-keys.ts'

const entry = (model: string): Entry => ({ task: 'clip', type: 'visual', model, options: {} })
const LONG = 'x'.repeat(300)

it('more entries than have keys of their own are one', () => {
  const entries = Array.from({ length: MOST_ENTRIES + 1 }, (_, i) => entry(`${i}`))
  const { types, models } = namesOfEntries(entries)
  expect([types.length, models]).toEqual([1, types])
  expect(namesOfEntries(entries.slice(1)).types).toHaveLength(MOST_ENTRIES)
})

it('a short name stays as it is, and a long one has one key however often it comes', () => {
  const short = [entry('ViT')]
  expect(withShortNames(short)).toBe(short)
  const [one, other] = withShortNames([entry(LONG), entry(LONG)])
  expect([one?.task, one?.model === other?.model, one?.model === LONG]).toEqual(['clip', true, false])
})

it('joins names that fit, and ends with a digest otherwise', () => {
  expect(boundedKey(['clip', 'visual'], '/')).toBe('clip/visual')
  expect(boundedKey([LONG, 'a'], '/')).not.toBe(boundedKey([LONG, 'b'], '/'))
})
