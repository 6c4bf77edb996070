import type { Classification } from '@immich-ml-router/core'
import { describe, expect, it } from 'vitest'
import { jobView, kindOf } from './job-view.ts'
import { classificationOf } from './request-event.fixture.ts'

const unclassified: Classification = {
  classified: false,
  entries: [],
  tasks: [],
  input: undefined,
  reason: 'no-entries',
}

describe('a job', () => {
  it('has the names of its entries, without their options', () => {
    expect(jobView(classificationOf(['clip', 'visual', 'ViT']))).toEqual({
      entries: [{ task: 'clip', type: 'visual', model: 'ViT' }],
      more: undefined,
    })
  })

  it('has at most six entries, with shortened names', () => {
    const jobs = Array.from({ length: 8 }, (): [string, string, string] => [
      'ocr',
      'detection',
      'm'.repeat(500),
    ])
    const { entries, more } = jobView(classificationOf(...jobs))
    expect([entries.length, more, entries[0]?.model.length]).toEqual([6, 2, 120])
  })

  it('has the reason when it is unclassified', () => {
    expect(jobView(unclassified)).toEqual({ entries: [], unclassified: 'no-entries' })
    expect(jobView(undefined)).toEqual({ entries: [], unclassified: 'incomplete' })
  })

  it.each<[string, Classification | undefined]>([
    ['search', classificationOf(['clip', 'textual', 'm'])],
    ['indexing', classificationOf(['clip', 'visual', 'm'])],
    [
      'faces',
      classificationOf(['facial-recognition', 'detection', 'm'], ['facial-recognition', 'recognition', 'm']),
    ],
    ['ocr', classificationOf(['ocr', 'detection', 'm'], ['ocr', 'recognition', 'm'])],
    ['other', classificationOf(['clip', 'textual', 'm'], ['ocr', 'detection', 'm'])],
    ['other', classificationOf(['clip', 'other', 'm'])],
    ['other', classificationOf(['constructor', 'toString', 'm'])],
    ['other', unclassified],
    ['other', undefined],
  ])('is of the kind %s: %#', (kind, classification) => {
    expect(kindOf(classification)).toBe(kind)
  })
})
