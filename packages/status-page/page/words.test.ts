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
    [[entry('clip', 'visual', 'ViT')], 'Image indexing (smart search)', 'ViT'],
    [[entry('ocr', 'detection', 'PP'), entry('ocr', 'recognition', 'PP')], 'Text recognition (OCR)', 'PP'],
    [
      [entry('facial-recognition', 'detection', 'a'), entry('facial-recognition', 'recognition', 'b')],
      'Faces',
      'a, b',
    ],
    [
      [entry('clip', 'visual', 'ViT'), entry('ocr', 'detection', 'PP')],
      'Image indexing (smart search) + Text recognition (OCR)',
      'ViT, PP',
    ],
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

  it('that is unclassified shows the reason', () => {
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
    [{ state: 'healthy' }, ''],
    [
      { state: 'down', reason: 'ECONNREFUSED', since: 1_000 },
      'No answer to probes for 9 s: connection refused',
    ],
    [
      { state: 'ejected', reason: 'connect', since: 5_000, until: 15_000 },
      'Ejected for 5 s: connection failed. Next attempt in 5 s',
    ],
    [{ state: 'throttled', until: 12_000 }, 'It answered 429; it gets no requests for another 2 s'],
    [{ state: 'recovering', since: 9_000 }, 'Recovering for 1 s: it gets few requests at first'],
    [{ state: 'drained' }, 'Gets no requests until it is enabled'],
    [{ state: 'unresolved', reason: 'ml has no address yet' }, 'ml has no address yet'],
  ] as const)('%j: %s', (health, text) => {
    const backend = backendOf('a', 'healthy', { health: { tasks: [], failures: 0, ...health } })
    expect(plain(healthInWords(backend, 10_000, format))).toBe(text)
  })

  it('says which models a backend loads', () => {
    const health = { state: 'recovering', since: 9_000, tasks: [], failures: 0 } as const
    const backend = backendOf('a', 'healthy', { health, loading: ['clip/textual/ViT-B-32__openai'] })
    expect(healthInWords(backend, 10_000, format)).toBe(
      'Loading the models for searches (clip/textual) with the model ViT-B-32__openai; until then, other backends take these jobs',
    )
  })

  it('names each failing task', () => {
    const tasks = [
      { task: 'ocr/detection', state: 'ejected', reason: 'answered 503 Service Unavailable', until: 20_000 },
      { task: 'clip/textual', state: 'lacking', until: 60_000 },
    ] as const
    const backend = backendOf('a', 'degraded', { health: { state: 'degraded', tasks, failures: 3 } })
    expect(plain(healthInWords(backend, 10_000, format))).toBe(
      'Fails at OCR (ocr/detection) (answered 503 Service Unavailable), next attempt in 10 s; ' +
        'does not support searches (clip/textual)',
    )
  })

  it.each([
    ['clip/visual', 'does not support images (clip/visual)'],
    ['clip/visual/ViT/B-32', 'does not support images (clip/visual) with the model ViT/B-32'],
    ['clip/audio', 'does not support clip/audio'],
    ['tags/visual', 'does not support tags/visual'],
    ['facial-recognition/detection', 'does not support faces (facial-recognition/detection)'],
  ])('names the unsupported jobs of %s: %s', (task, text) => {
    expect(taskInWords({ task, state: 'lacking' }, 0, format)).toBe(text)
  })

  it.each([
    ['ocr/detection+ocr/recognition', 'rejects some OCR (ocr/detection and ocr/recognition)'],
    ['', 'rejects some jobs'],
  ])('names the partly rejected jobs of %s: %s', (task, text) => {
    expect(taskInWords({ task, state: 'lacking', isSome: true }, 0, format)).toBe(text)
  })

  it('names the jobs and sizes that a healthy backend does not take', () => {
    const tasks = [{ task: 'clip/visual', state: 'lacking' }] as const
    const backend = backendOf('a', 'healthy', {
      health: { state: 'healthy', tasks, failures: 0, sizeLimit: 2_000_000 },
    })
    expect(plain(healthInWords(backend, 0, format))).toBe(
      'Does not support images (clip/visual); rejects bodies of 2 MB or more',
    )
  })

  it('shows a reason with its remedy in full', () => {
    const reason = 'answered 401 Unauthorized: set backends.gpu.auth'
    const backend = backendOf('gpu', 'ejected', {
      health: { state: 'ejected', reason, since: 5_000, until: 15_000, tasks: [], failures: 3 },
    })
    expect(plain(healthInWords(backend, 10_000, format))).toBe(
      'Ejected for 5 s: answered 401 Unauthorized: set backends.gpu.auth. Next attempt in 5 s',
    )
  })

  it('keeps an unknown reason', () => {
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
      'answered 401 Unauthorized: set backends.gpu.auth; not sent to the client',
    ],
    ['failed', undefined, 'connect', 'connection failed'],
  ] as const)('%s', (outcome, status, cause, text) => {
    expect(attemptInWords({ backend: 'gpu', start: 0, time: 1, outcome, status, cause, hedge: false })).toBe(
      text,
    )
  })
})

describe('the way of a request', () => {
  const attempt = (backend: string) =>
    ({ backend, start: 0, time: 1, outcome: 'answered', status: 200, hedge: false }) as const

  it('names every backend of an attempt', () => {
    expect(wayOf(decisionOf(1, { attempts: ['gpu', 'nas'].map(attempt) }))).toBe('gpu → nas')
    expect(wayOf(decisionOf(1, { attempts: [attempt('gpu')], earlier: 3 }))).toBe('… → gpu')
    expect(wayOf(decisionOf(1, { route: 'all' }))).toBe('all')
    expect(wayOf(decisionOf(1, { route: 'all', fate: 'refused', code: 'queue-full' }))).toBe('queue full')
    expect(wayOf(decisionOf(1, { fate: 'refused', code: 'else' }))).toBe('–')
    expect(wayOf(decisionOf(1, { parts: 2, route: 'all' }))).toBe('split into 2 requests')
  })
})
