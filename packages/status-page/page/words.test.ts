import { describe, expect, it } from 'vitest'
import { formatFor } from './format.ts'
import { backendOf, decisionOf } from './samples.ts'
import {
  attemptInWords,
  healthInWords,
  jobInWords,
  kindInWords,
  reasonInWords,
  taskInWords,
  wayOf,
} from './words.ts'

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
      { task: 'ocr/detection', state: 'ejected', reason: 'answered 503 Service Unavailable', until: 20_000 },
      { task: 'clip/textual', state: 'lacking', until: 60_000 },
    ] as const
    const backend = backendOf('a', 'partly', { health: { state: 'partly', tasks, failures: 3 } })
    expect(plain(healthInWords(backend, 10_000, format))).toBe(
      'Fails at OCR (ocr/detection) (answered 503 Service Unavailable), tried again in 10 s; ' +
        'does not have searches (clip/textual)',
    )
  })

  it.each([
    ['clip/visual', 'does not have images (clip/visual)'],
    ['clip/visual/ViT/B-32', 'does not have images (clip/visual) with the model ViT/B-32'],
    ['clip/audio', 'does not have clip/audio'],
    ['tags/visual', 'does not have tags/visual'],
    ['facial-recognition/detection', 'does not have faces (facial-recognition/detection)'],
  ])('says that it lacks %s: %s', (task, text) => {
    expect(taskInWords({ task, state: 'lacking' }, 0, format)).toBe(text)
  })

  it.each([
    ['ocr/detection+ocr/recognition', 'refuses some OCR (ocr/detection and ocr/recognition)'],
    ['', 'refuses some jobs'],
  ])('says that it refuses some jobs of %s: %s', (task, text) => {
    expect(taskInWords({ task, state: 'lacking', isSome: true }, 0, format)).toBe(text)
  })

  it('names what a backend that is well cannot do, and from which size on', () => {
    const tasks = [{ task: 'clip/visual', state: 'lacking' }] as const
    const backend = backendOf('a', 'well', {
      health: { state: 'well', tasks, failures: 0, sizeLimit: 2_000_000 },
    })
    expect(plain(healthInWords(backend, 0, format))).toBe(
      'Does not have images (clip/visual); refuses bodies of 2 MB or more',
    )
  })

  it('says the cure in full', () => {
    const reason = 'answered 401 Unauthorized: set backends.gpu.auth'
    const backend = backendOf('gpu', 'ejected', {
      health: { state: 'ejected', reason, since: 5_000, until: 15_000, tasks: [], failures: 3 },
    })
    expect(plain(healthInWords(backend, 10_000, format))).toBe(
      'Ejected for 5 s: answered 401 Unauthorized: set backends.gpu.auth. Tried again in 5 s',
    )
  })

  it('leaves a reason that it does not know as it is', () => {
    expect(reasonInWords('EWHATEVER')).toBe('EWHATEVER')
  })
})

describe('an attempt in words', () => {
  it.each([
    ['answered', 200, undefined, 'answered 200'],
    [
      'passed-over',
      401,
      'answered 401 Unauthorized: set backends.gpu.auth',
      'answered 401 Unauthorized: set backends.gpu.auth, which the client did not get',
    ],
    ['failed', undefined, 'connect', 'no connection'],
  ] as const)('%s', (outcome, status, cause, text) => {
    expect(attemptInWords({ backend: 'gpu', start: 0, time: 1, outcome, status, cause, hedge: false })).toBe(
      text,
    )
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
