import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import { type Classified, unclassified } from '../classify/classification.ts'
import type { Match, MatchFunction } from '../config/policy.ts'
import { explainMiss } from '../explain/explain-match.ts'
import { NO_HEAD, type RequestHead } from '../incoming-message.ts'
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

  const family: RequestHead = {
    headers: { 'x-tenant': 'family', 'set-cookie': ['a'], host: 'ml.lan' },
    client: '10.0.0.9',
    path: '/family/predict',
  }

  it.each<[Match, RequestHead, boolean]>([
    [{ header: { 'x-tenant': 'family' } }, family, true],
    [{ header: { 'X-Tenant': ['office', 'family'] } }, family, true],
    [{ header: { 'x-tenant': 'Family' } }, family, false],
    [{ header: { 'x-tenant': 'fam*' } }, family, false],
    [{ header: { 'x-tenant': 'family', host: 'ml.lan' } }, family, true],
    [{ header: { 'x-tenant': 'family', host: 'other' } }, family, false],
    [{ header: { 'x-other': 'family' } }, family, false],
    [{ header: { 'set-cookie': 'a' } }, family, false],
    [{ header: { constructor: 'family' } }, family, false],
    [{ path: '/family/predict' }, family, true],
    [{ path: ['/office/*', '/family/*'] }, family, true],
    [{ path: '/predict' }, family, false],
    [{ path: '*/predict', header: { 'x-tenant': 'family' }, task: 'clip' }, family, true],
    [{ path: '*/predict', header: { 'x-tenant': 'family' }, task: 'ocr' }, family, false],
    [{ header: { 'x-tenant': 'family' } }, NO_HEAD, false],
    [{ path: '/predict' }, NO_HEAD, false],
  ])('%j of %j', (match, head, fits) => {
    expect(compileMatch(match)(search, head)).toBe(fits)
    expect(explainMiss(match, search, head) === undefined).toBe(fits)
  })

  it('takes unclassified requests by header and path alone', () => {
    const unknown = unclassified('no-entries')
    const takes = (match: Match | MatchFunction | undefined) =>
      compileMatch(match)(unknown, family) && explainMiss(match, unknown, family) === undefined
    expect([undefined, { header: { 'x-tenant': 'family' } }, { path: '*' }].map(takes)).toEqual([
      true,
      true,
      true,
    ])
    expect([{}, { path: '*', task: '*' }, { path: '/office/*' }, () => true].map(takes)).toEqual([
      false,
      false,
      false,
      false,
    ])
  })

  it('in code gets the head of the request', () => {
    const seen: unknown[] = []
    const match: MatchFunction = (classification, request) => {
      seen.push(classification.tasks[0], request.client, request.headers['x-tenant'], request.path)
      return true
    }
    expect(compileMatch(match)(search, family)).toBe(true)
    expect(explainMiss(match, search, family)).toBeUndefined()
    const once = ['clip', '10.0.0.9', 'family', '/family/predict']
    expect(seen).toEqual([...once, ...once])
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
    [{ header: { 'X-Tenant': ['a', 'b'] } }, 'x-tenant=a|b'],
    [{ header: { Authorization: 'Bearer s3cret' } }, 'authorization=***'],
    [{ header: { 'X-Session-Id': 's3cret' } }, 'x-session-id=***'],
    [{ task: 'clip', header: { 'x-tenant': 'a' }, path: '/a/predict' }, 'clip x-tenant=a /a/predict'],
  ])('%j in words is %s', (match, words) => {
    expect(describeMatch(match)).toBe(words)
  })
})
