import { Hash } from 'node:crypto'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { answered, passedOver } from '../../../../test/support/outcomes.ts'
import type { Classified, Entry } from '../classify/classification.ts'
import { selectBackend } from '../router/select-backend.ts'
import { jobKeysOf, jobNames, keysOf, namesOf } from './jobs.ts'

function requestFor(
  ...entries: readonly (readonly [task: string, type: string, model: string])[]
): Classified {
  return {
    classified: true,
    entries: entries.map(([task, type, model]): Entry => ({ task, type, model, options: {} })),
    tasks: [...new Set(entries.map(([task]) => task))],
    input: 'image',
  }
}

/** Everything by which state of the request is kept. */
function keysFor(request: Classified): string[] {
  const names = jobNames(request)
  const keys = keysOf(names, request, () => 0)
  return [names.kind, names.models, ...keys.types, ...keys.models, keys.exact()]
}

const LONG = 'x'.repeat(8_000)
const many = (count: number, suffix = '') =>
  requestFor(...Array.from({ length: count }, (_, index) => [LONG, `${index}${suffix}`, 'm'] as const))

describe('the keys of a job', () => {
  it('are its names, as long as these are short', () => {
    const request = requestFor(['ocr', 'detection', 'a'], ['ocr', 'recognition', 'b'])
    expect(jobNames(request)).toEqual({
      kind: 'ocr/detection/a+ocr/recognition/b',
      models: 'ocr/a+ocr/b',
      types: ['ocr/detection', 'ocr/recognition'],
      typeModels: ['ocr/detection/a', 'ocr/recognition/b'],
    })
  })

  it.each([
    ['one task with a long name and 30,000 types', many(30_000)],
    ['64 types of such a task', many(64)],
    ['a model with a name of 1 MB', requestFor(['clip', 'visual', 'm'.repeat(1_000_000)])],
    [
      '64 short entries',
      requestFor(...Array.from({ length: 64 }, (_, i) => ['t', `type-${i}`, 'm'] as const)),
    ],
  ])('are bounded for %s', (_, request) => {
    const keys = keysFor(request)
    expect(Math.max(...keys.map(({ length }) => length))).toBeLessThanOrEqual(256)
    expect(keys.length).toBeLessThanOrEqual(3 + 2 * 64)
  })

  it.each<[string, Classified, Classified]>([
    [
      'of long models',
      requestFor(['clip', 'visual', `${LONG}a`]),
      requestFor(['clip', 'visual', `${LONG}b`]),
    ],
    ['of long tasks', requestFor([`${LONG}a`, 'visual', 'm']), requestFor([`${LONG}b`, 'visual', 'm'])],
    ['of many entries', many(30_000), many(30_000, '!')],
    [
      'of many entries, of which the last differs',
      requestFor(...Array.from({ length: 100 }, () => ['t', 'a', 'm'] as const), ['t', 'a', 'm1']),
      requestFor(...Array.from({ length: 100 }, () => ['t', 'a', 'm'] as const), ['t', 'a', 'm2']),
    ],
    [
      'of names that are cut at different places',
      requestFor([LONG, 'a', 'b']),
      requestFor([`${LONG}a`, 'b', '']),
    ],
  ])('differ for two requests %s', (_, one, other) => {
    const [kind, models] = [namesOf(one.entries), namesOf(other.entries)]
    expect(kind.kind).not.toBe(models.kind)
    expect(kind.models).not.toBe(models.models)
    expect(kind.typeModels).not.toEqual(models.typeModels)
    expect(keysOf(kind, one, () => 0).exact()).not.toBe(keysOf(models, other, () => 0).exact())
  })

  it('are the same for the same request', () => {
    expect(keysFor(many(300))).toEqual(keysFor(many(300)))
  })

  it('read a long name once, however many entries have it', () => {
    const [crypto, read] = [vi.spyOn(Hash.prototype, 'update'), { characters: 0 }]
    onTestFinished(() => crypto.mockRestore())
    const task = 'x'.repeat(100_000)
    const request = requestFor(...Array.from({ length: 64 }, (_, index) => [task, `${index}`, task] as const))
    keysFor(request)
    for (const [text] of crypto.mock.calls) read.characters += String(text).length
    expect(read.characters).toBeGreaterThan(100_000)
    expect(read.characters).toBeLessThan(400_000)
  })

  it('fill little memory of a backend, whatever the requests are', async () => {
    const select = selectBackend({ backends: { gpu: { url: 'http://gpu', health: false } } })
    onTestFinished(() => select.close())
    for (let index = 0; index < 260; index++) {
      const lease = await select(
        requestFor(['clip', 'visual', `${index}${LONG}`], ['clip', `${index}`, LONG]),
      )
      lease.release(index % 2 === 0 ? answered : passedOver(501))
    }
    const [backend] = select.backends()
    const kept = JSON.stringify([backend?.latency.all, backend?.health.status])
    expect(Object.keys(backend?.latency.all ?? {}).length).toBeGreaterThan(100)
    expect(kept.length).toBeLessThan(200 * 300 + 100 * 300)
  })

  it('remember no long names', () => {
    const short = requestFor(['clip', 'visual', 'm'])
    const long = requestFor(['clip', 'visual', LONG])
    expect(jobNames(short)).toBe(jobNames(short))
    expect(jobNames(long)).not.toBe(jobNames(long))
  })
})

describe('the keys of entries', () => {
  const entry = (model: string, options = {}): Entry => ({ task: 'clip', type: 'visual', model, options })
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
})
