import { describe, expect, it } from 'vitest'
import type { Entry } from '../classify/classification.ts'
import { boundedKey, jobKeysOf, MOST_ENTRIES, namesOfEntries, withShortNames } from './job-keys.ts'

const entry = (model: string, options = {}): Entry => ({ task: 'clip', type: 'visual', model, options })
const LONG = 'x'.repeat(300)

describe('the keys of a job', () => {
  it('are its types and models, its size, and a digest with the options', () => {
    const keys = jobKeysOf([entry('ViT', { minScore: 0.5 })], () => 7)
    expect([keys.types, keys.models, keys.size()]).toEqual([['clip/visual'], ['clip/visual/ViT'], 7])
    expect(keys.exact()).toBe(keys.exact())
    expect(keys.exact()).not.toBe(jobKeysOf([entry('ViT', { minScore: 0.6 })]).exact())
  })

  it('stay within 256 characters, and differ by the whole name', () => {
    const [one, other] = [`${LONG}a`, `${LONG}b`].map((model) => jobKeysOf([entry(model)]).models[0])
    expect(one?.length).toBeLessThanOrEqual(256)
    expect(one).not.toBe(other)
  })

  it('of more entries than have keys of their own are one', () => {
    const entries = Array.from({ length: MOST_ENTRIES + 1 }, (_, i) => entry(`${i}`))
    const { types, models } = namesOfEntries(entries)
    expect([types.length, models]).toEqual([1, types])
    expect(namesOfEntries(entries.slice(1)).types).toHaveLength(MOST_ENTRIES)
  })
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
