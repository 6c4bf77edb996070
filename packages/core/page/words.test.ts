import { describe, expect, it } from 'vitest'
import { formatFor } from './format.ts'
import { backendOf, decisionOf } from './samples.ts'
import { healthInWords, jobInWords, kindInWords, reasonInWords, wayOf } from './words.ts'

const format = formatFor('en')
const plain = (text: string) => text.replaceAll('\u202f', ' ')
const entry = (task: string, type: string, model: string) => ({ task, type, model })

describe('a job in words', () => {
  it.each([
    [[entry('clip', 'textual', 'ViT')], 'Text search', 'ViT'],
    [[entry('clip', 'visual', 'ViT')], 'Smart search', 'ViT'],
    [[entry('ocr', 'detection', 'PP'), entry('ocr', 'recognition', 'PP')], 'OCR', 'PP'],
    [
      [entry('facial-recognition', 'detection', 'a'), entry('facial-recognition', 'recognition', 'b')],
      'Faces',
      'a, b',
    ],
    [[entry('clip', 'visual', 'ViT'), entry('ocr', 'detection', 'PP')], 'Smart search + OCR', 'ViT, PP'],
    [[entry('new', 'thing', 'm')], 'new thing', 'm'],
  ])('%j is %s with %s', (entries, name, models) => {
    expect(jobInWords({ entries })).toEqual({ name, models })
    expect(kindInWords(entries.map(({ task, type, model }) => `${task}/${type}/${model}`).join('+'))).toEqual(
      {
        name,
        models,
      },
    )
  })

  it('that is not known says why', () => {
    expect(jobInWords({ entries: [], unclassified: 'no-entries' })).toEqual({
      name: 'Unknown job',
      models: 'no entries',
    })
  })

  it.each([
    ['clip/textual/a/b+c', 'Text search', 'a/b+c'],
    ['', 'Unknown job', ''],
    ['no slashes', 'no slashes', ''],
  ])('of the key "%s" is %s', (key, name, models) => {
    expect(kindInWords(key)).toEqual({ name, models })
  })
})

describe('health in words', () => {
  it.each([
    [{ state: 'well' }, ''],
    [
      { state: 'down', reason: 'ECONNREFUSED', since: 1_000 },
      'No answer to probes for 9 s: connection refused',
    ],
    [
      { state: 'ejected', reason: 'connect', since: 5_000, until: 15_000 },
      'Ejected for 5 s: no connection. Tried again in 5 s',
    ],
    [{ state: 'busy', until: 12_000 }, 'It has asked to be left alone for 2 s'],
    [{ state: 'recovering', since: 9_000 }, 'Back for 1 s; it begins with a few requests'],
    [{ state: 'drained' }, 'It gets nothing until it is enabled'],
    [{ state: 'unresolved', reason: 'ml has no address yet' }, 'ml has no address yet'],
  ] as const)('%j: %s', (health, text) => {
    const backend = backendOf('a', 'well', { health: { tasks: [], failures: 0, ...health } })
    expect(plain(healthInWords(backend, 10_000, format))).toBe(text)
  })

  it('names each task that is not well', () => {
    const tasks = [
      { task: 'ocr', state: 'ejected', reason: 'status 500', until: 20_000 },
      { task: 'clip', state: 'lacking', until: 60_000 },
    ] as const
    const backend = backendOf('a', 'partly', { health: { state: 'partly', tasks, failures: 3 } })
    expect(plain(healthInWords(backend, 10_000, format))).toBe(
      'Fails at OCR (it answered 500), tried again in 10 s; does not have search',
    )
  })

  it('leaves a reason that it does not know as it is', () => {
    expect(reasonInWords('EWHATEVER')).toBe('EWHATEVER')
  })
})

describe('the way of a request', () => {
  const attempt = (backend: string) =>
    ({ backend, start: 0, time: 1, outcome: 'answered', status: 200, hedge: false }) as const

  it('names every backend that had it', () => {
    expect(wayOf(decisionOf(1, { attempts: ['gpu', 'nas'].map(attempt) }))).toBe('gpu → nas')
    expect(wayOf(decisionOf(1, { attempts: [attempt('gpu')], earlier: 3 }))).toBe('… → gpu')
    expect(wayOf(decisionOf(1, { route: 'all' }))).toBe('all')
    expect(wayOf(decisionOf(1, { route: 'all', fate: 'refused', code: 'queue-full' }))).toBe('too many wait')
    expect(wayOf(decisionOf(1, { fate: 'refused', code: 'else' }))).toBe('–')
  })
})
