import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import {
  broken,
  busy,
  image,
  lacking,
  search,
  stage,
  unreachable,
  words,
} from '../../../../test/support/explained-route.ts'
import { settled } from '../../../../test/support/fake-resolver.ts'
import { answered } from '../../../../test/support/outcomes.ts'
import type { Candidate } from '../balance/strategy.ts'
import { type Classification, unclassified } from '../classify/classification.ts'
import type { Match } from '../config/policy.ts'
import { NO_HEAD } from '../incoming-message.ts'
import { compileMatch } from '../routing/match.ts'
import { explainMiss } from './explain-match.ts'
import { explanationText } from './explanation-text.ts'

const ocr = classified('image', 'ocr/detection/PP', 'ocr/recognition/PP')

describe('why a route does not take a request', () => {
  it.each<[Match, Classification, string]>([
    [{ task: 'clip' }, ocr, 'task is ocr, not clip'],
    [{ task: ['clip', 'facial-*'] }, ocr, 'task is ocr, not clip or facial-*'],
    [{ task: 'clip', type: 'textual' }, image, 'type is visual, not textual'],
    [{ type: 'pose' }, ocr, 'type is detection and recognition, not pose'],
    [{ model: 'ViT-L-*' }, search, 'model is ViT-B-32, not ViT-L-*'],
    [{ input: 'text' }, image, 'input is image, not text'],
    [
      { input: ['text', 'image'] },
      classified(undefined, 'clip/x'),
      'there is no input, as text or image would be',
    ],
    [
      { type: 'visual' },
      classified('image', 'clip/visual', 'ocr/detection'),
      'type of ocr is detection, not visual',
    ],
    [{ type: 'a', model: 'x' }, classified('image', 'clip/a/y', 'clip/b/x'), 'model is y, not x'],
    [
      { task: 'clip' },
      unclassified('no-entries'),
      'the job is not known (no-entries), and its match takes known jobs only',
    ],
  ])('%j: %j', (match, classification, why) => {
    expect(explainMiss(match, classification, NO_HEAD)?.words).toBe(why)
  })

  it.each<[Match, string]>([
    [{ header: { 'X-Tenant': 'family' } }, 'header X-Tenant is office, not family'],
    [{ header: { 'x-tenant': 'office', 'x-site': ['a', 'b'] } }, 'header x-site is missing'],
    [{ header: { authorization: 'Bearer mine' } }, 'header authorization has another value'],
    [{ path: ['/family/predict', '/home/*'] }, 'path is /office/predict, not /family/predict or /home/*'],
  ])('by the head, %j: %j', (match, why) => {
    const headers = { 'x-tenant': 'office', authorization: 'Bearer theirs' }
    expect(explainMiss(match, ocr, { headers, client: undefined, path: '/office/predict' })?.words).toBe(why)
  })

  it('says when nothing is known of the head, and shortens what a client wrote', () => {
    expect(explainMiss({ path: '/family/predict' }, ocr, NO_HEAD)?.words).toBe(
      'path is not known, not /family/predict',
    )
    const headers = { 'x-tenant': 'x'.repeat(10_000) }
    const words = explainMiss({ header: { 'x-tenant': 'y' } }, ocr, { ...NO_HEAD, headers })?.words
    expect(words?.length).toBeLessThan(300)
  })

  it('is told exactly when it does not', () => {
    const name = fc.constantFrom('a', 'b', 'a*', '*')
    const pattern = fc.option(fc.oneof(name, fc.array(name, { minLength: 1, maxLength: 2 })), {
      nil: undefined,
    })
    const input = fc.constantFrom(undefined, 'text' as const, 'image' as const)
    const match = fc.record({ task: pattern, type: pattern, model: pattern, input })
    const job = fc.tuple(...Array(3).fill(fc.constantFrom('a', 'b', 'ab'))).map((parts) => parts.join('/'))
    fc.assert(
      fc.property(match, input, fc.array(job, { minLength: 1, maxLength: 3 }), (given, kind, jobs) => {
        const classification = classified(kind, ...jobs)
        const takes = compileMatch(given)(classification, NO_HEAD)
        expect(explainMiss(given, classification, NO_HEAD) === undefined).toBe(takes)
      }),
    )
  })

  it('is said of every route before the one that does, and of code too', () => {
    const { select } = stage({
      backends: { nas: {}, gpu: {} },
      routes: [
        { match: { task: 'clip' }, backends: ['nas'] },
        { match: () => false, backends: ['nas'] },
        { name: 'rest', backends: ['gpu'] },
      ],
    })
    expect(select.explain(ocr)).toMatchObject({
      route: 'rest',
      index: 2,
      routes: 3,
      passedRoutes: [
        { name: 'clip', index: 0, member: 'task', words: 'task is ocr, not clip' },
        { name: 'function', index: 1, member: 'function', words: 'its function said no' },
      ],
    })
  })
})

describe('what is said of a candidate', () => {
  it('that the order of the list decides about', () => {
    const { select } = stage({
      backends: { nas: {}, gpu: {} },
      routes: [{ backends: ['nas', 'gpu'], strategy: 'first' }],
    })
    expect(words(select.explain(search))).toEqual([
      'nas chosen: first in the list',
      'gpu next: behind nas in the list',
    ])
  })

  it('that could have the request as well, and ranks lower', () => {
    const backends = { nas: {}, gpu: {}, mac: {}, cloud: { tier: 2 } }
    const names = Object.keys(backends)
    const { select } = stage({
      backends,
      routes: [
        { match: { input: 'text' }, backends: names, strategy: 'first' },
        { backends: names, strategy: 'round-robin', retries: 0 },
      ],
    })
    expect(words(select.explain(search))).toEqual([
      'nas chosen: first in the list',
      'gpu next: behind nas in the list',
      'mac lower: behind nas in the list',
      'cloud lower: of tier 2, and one of tier 1 is there',
    ])
    const explained = select.explain(image)
    const verdicts = explained.candidates.map(({ verdict, reason }) => `${verdict} ${reason.kind}`)
    expect(verdicts).toEqual(['chosen rated', 'lower rated', 'lower rated', 'lower higher-tier'])
    expect(explanationText(select.explain(search))).toContain(
      '\n  mac: ranks lower, behind nas in the list\n',
    )
  })

  it('that is full, and of the one that it is not worth while going to', async () => {
    const { clock, select } = stage({ backends: { gpu: {}, nas: {} } })
    const done = async (exclude: string, time: number) => {
      const lease = await select(image, { exclude: [exclude] })
      clock.shift(time)
      lease.release(answered)
    }
    await done('nas', 100)
    await done('gpu', 3_000)
    expect(words(select.explain(image))).toEqual([
      'gpu chosen: expected to be done in 100 ms',
      'nas next: expected to be done in 3000 ms',
    ])
    await select(image)
    await select(image)
    const explained = select.explain(image)
    expect(words(explained)).toEqual([
      'gpu awaited: full (2 of 2 in flight), expected to be done in 350 ms, the wait for a slot included',
      'nas passed-over: expected to be done in 3000 ms',
    ])
    expect(explained.decision).toEqual({ kind: 'queue', maxWait: 600_000, waiting: 0 })
  })

  it('that has its slots reserved, that is drained, and that has a higher tier', async () => {
    const { select } = stage({
      backends: { gpu: { reserve: 1 }, old: {}, cloud: { tier: 2 } },
      routes: [{ backends: ['gpu', 'old', 'cloud'], spill: false }],
    })
    await select(image)
    void select.drain('old')
    expect(words(select.explain(image))).toEqual([
      'gpu awaited: reserved for urgent requests (1 of 2 in flight)',
      'old passed-over: drained',
      'cloud passed-over: of tier 2, and one of tier 1 is there',
    ])
    expect(words(select.explain(search))[0]).toMatch(/^gpu chosen: /)
  })

  it('that is ejected, for a task or as a whole, busy, or lacks the task', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    onTestFinished(() => void vi.restoreAllMocks())
    const { clock, select, fail } = stage({
      backends: { a: {}, b: {}, c: {}, d: {}, e: { tasks: ['ocr'] }, f: {} },
      routes: [{ backends: ['a', 'b', 'c', 'd', 'e', 'f'], strategy: 'first' }],
    })
    await fail('a', unreachable)
    await fail('b', broken)
    await fail('c', busy, 1)
    await fail('d', lacking, 1)
    clock.shift(1_000)
    expect(words(select.explain(image, { exclude: ['f'] }))).toEqual([
      'a next: ejected (connect), for another 4 s',
      'b passed-over: ejected for clip/visual (answered 503 Service Unavailable), for another 4 s',
      'c chosen: throttled (429) for another 2 s',
      'd passed-over: has said that it lacks clip/visual, which is believed for another 10 min',
      'e passed-over: does not serve clip by its settings',
      'f passed-over: excluded',
    ])
    expect(select.explain(image, { exclude: ['f'] }).decision).toEqual({
      kind: 'forward',
      backend: 'c',
      endpoint: undefined,
      leastBad: true,
    })
    clock.shift(4_000)
    const trial = await select(image, { exclude: ['b', 'c', 'd', 'f'] })
    expect(words(select.explain(image))[0]).toBe('a passed-over: ejected (connect), one request is trying it')
    trial.release(answered)
    await select(image, { exclude: ['b', 'c', 'd', 'f'] })
    await select(image, { exclude: ['b', 'c', 'd', 'f'] })
    expect(words(select.explain(image))[0]).toBe(
      'a awaited: recovering, with as many requests in flight as it gets for now (2)',
    )
  })

  it('that has failed lately or had the request before, when it is tried again', async () => {
    const { select, fail } = stage({ backends: { a: {}, b: {}, c: {} } })
    await fail('a', unreachable, 1)
    expect(words(select.explain(image, { avoid: ['b'], retry: true }))).toMatchObject([
      'a next: a request failed there recently',
      'b passed-over: this request has failed there',
      expect.stringMatching(/^c chosen: /),
    ])
  })

  it('that does not answer its probes', async () => {
    const { clock, select } = stage({
      backends: { gpu: { health: { interval: '1s', fall: 1 } } },
      routes: [{ backends: ['gpu'], hold: '12h' }],
    })
    select.start(() => Promise.resolve('timeout'))
    onTestFinished(() => select.close())
    await settled()
    clock.shift(90_000)
    const explained = select.explain(image)
    expect(words(explained)).toEqual(['gpu awaited: down for 1.5 min (timeout)'])
    expect(explained.decision).toEqual({
      kind: 'hold',
      maxWait: 43_200_000,
      waiting: 0,
    })
  })

  it('whose name has many addresses, and one whose name has none', async () => {
    const { resolver, select } = stage({
      backends: { ml: { discover: 'dns' }, lost: { discover: 'dns' } },
      routes: [{ backends: ['ml', 'lost'], strategy: 'first' }],
    })
    expect(words(select.explain(image))).toEqual([
      'ml awaited: its name is being resolved',
      'lost awaited: its name is being resolved',
    ])
    expect(resolver.asked).toEqual([])
    resolver.hosts = { ml: ['10.0.0.1', '10.0.0.2'] }
    select.start(() => Promise.resolve(undefined))
    onTestFinished(() => select.close())
    await settled()
    expect(words(select.explain(image))).toEqual([
      'ml10.0.0.1:80 chosen: first in the list, 0 in flight there',
      'ml10.0.0.2:80 next: first in the list, 0 in flight there',
      'lost passed-over: lost has no address (no such host lost)',
    ])
  })

  it('whose strategy is written in code', () => {
    const ranked = ({ backend }: Candidate) => ({ backend, score: 0, reason: () => 'the last of the list' })
    const { select } = stage({
      backends: { a: {}, b: {}, c: { tasks: ['ocr'] } },
      routes: [
        { backends: ['a', 'b', 'c'], strategy: () => ({ rank: (all) => all.toReversed().map(ranked) }) },
      ],
    })
    expect(words(select.explain(image))).toEqual([
      'a next: the last of the list',
      'b chosen: the last of the list',
      'c passed-over: does not serve clip by its settings',
    ])
  })
})

describe('the whole of it', () => {
  it('is plain data, and can be put in words', async () => {
    const { select } = stage({
      backends: { nas: { maxConcurrent: 1 }, gpu: {} },
      routes: [
        { match: { task: 'ocr' }, backends: ['gpu'] },
        { name: 'search', match: { input: 'text' }, backends: ['nas', 'gpu'], strategy: 'first' },
        { backends: ['gpu'], retries: 0 },
      ],
    })
    await select(search)
    const explained = select.explain(search)
    expect(structuredClone(explained)).toEqual(explained)
    expect(explanationText(explained)).toBe(
      `route 1 "ocr" does not take it: task is clip, not ocr
route 2 of 3 "search" takes it (strategy first, priority 1):
  nas: waited for, full (1 of 1 in flight), first in the list
  gpu: passed over, behind nas in the list
The request is queued for a slot, for up to 10 min.
`,
    )
  })

  it('says that there is no room to wait, and that nobody has the task', async () => {
    const { select } = stage({
      backends: { nas: { maxConcurrent: 1, tasks: ['clip'] } },
      queue: { maxLength: 1 },
    })
    await select(image)
    void select(image).catch(() => {})
    onTestFinished(() => select.close())
    expect(select.explain(image).decision).toMatchObject({ kind: 'reject', status: 503, code: 'queue-full' })
    expect(select.explain(ocr).decision).toMatchObject({
      kind: 'reject',
      code: 'no-backend-available',
      message: expect.stringContaining('serves ocr'),
    })
  })
})
