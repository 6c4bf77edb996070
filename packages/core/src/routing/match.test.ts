import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import type { Classified } from '../classify/classification.ts'
import type { Match } from '../config/policy.ts'
import { explainMiss } from '../explain/explain-match.ts'
import { NO_HEAD } from '../incoming-message.ts'
import { compileJob, compileMatch, describeMatch } from './match.ts'

const search = classified('text', 'clip/textual/ViT-B-32__openai')
const faces = classified(
  'image',
  'facial-recognition/detection/buffalo_l',
  'facial-recognition/recognition/buffalo_l',
)
const two = classified('image', 'clip/visual', 'ocr/detection', 'ocr/recognition')

describe('match', () => {
  it.each<[Match, Classified, boolean]>([
    [{}, search, true],
    [{ task: 'clip' }, search, true],
    [{ task: 'ocr' }, search, false],
    [{ task: ['ocr', 'clip'] }, search, true],
    [{ task: 'clip', type: 'visual' }, search, false],
    [{ task: 'clip', type: ['visual', 'textual'], model: 'ViT-*' }, search, true],
    [{ model: '*openai' }, search, true],
    [{ model: 'ViT*__*ai' }, search, true],
    [{ model: 'ViT*openai*openai' }, search, false],
    [{ model: 'ViT' }, search, false],
    [{ model: '*' }, search, true],
    [{ input: 'text' }, search, true],
    [{ input: ['text', 'image'] }, search, true],
    [{ input: 'image' }, search, false],
    [{ input: 'text' }, { ...search, input: undefined }, false],
    [{ type: 'detection' }, faces, true],
    [{ type: 'recognition', model: 'buffalo*' }, faces, true],
    [{ task: 'clip' }, two, false],
    [{ task: ['clip', 'ocr'] }, two, true],
    [{ type: ['visual', 'detection'] }, two, true],
    [{ type: 'detection' }, two, false],
    [{ task: '__proto__' }, classified('image', '__proto__/constructor'), true],
    [{ task: 'constructor' }, search, false],
  ])('%j', (match, classification, fits) => {
    expect(compileMatch(match)(classification, NO_HEAD)).toBe(fits)
  })

  it('looks at each entry once, however many tasks there are', () => {
    let reads = 0
    const entries = Array.from({ length: 36_000 }, (_, index) => ({
      get task() {
        reads++
        return `task-${index}`
      },
      type: 'visual',
      model: 'm',
      options: {},
    }))
    const tasks = entries.map((_, index) => `task-${index}`)
    const many: Classified = { classified: true, entries, tasks, input: 'image' }
    expect(compileJob({ type: 'visual' })(many)).toBe(true)
    expect(compileJob({ task: 'task-*', type: 'textual' })(many)).toBe(false)
    expect(reads).toBeLessThanOrEqual(10 * entries.length)
    reads = 0
    expect(explainMiss({ type: ['visual'], model: 'other' }, many, NO_HEAD)?.words.length).toBeLessThan(600)
    expect(explainMiss({ type: 'visual' }, many, NO_HEAD)).toBeUndefined()
    expect(reads).toBeLessThanOrEqual(20 * entries.length)
  })

  it('takes a pattern of many stars in good time', () => {
    const match = compileJob({ model: `${'*a'.repeat(50)}*b` })
    expect(match(classified('image', `clip/visual/${'a'.repeat(100_000)}`))).toBe(false)
  })

  it.each<[Match | undefined, string]>([
    [undefined, 'default'],
    [{}, '*'],
    [{ task: 'clip', type: 'textual' }, 'clip/textual'],
    [{ type: 'detection' }, '*/detection'],
    [{ task: ['ocr', 'clip'], input: 'image' }, 'ocr|clip image'],
    [{ input: 'text' }, 'text'],
  ])('%j in words is %s', (match, words) => {
    expect(describeMatch(match)).toBe(words)
  })
})
