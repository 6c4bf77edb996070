import { describe, expect, it } from 'vitest'
import { section, three } from '../../../../test/support/described-policy.ts'
import { parseConfig } from '../config/parse.ts'
import type { BackendOptions, Match, MatchFunction, Route, RouterConfig } from '../config/policy.ts'
import { describePolicy } from './describe-policy.ts'
import { jobsOf } from './job-words.ts'
import { duration, listed, size } from './words.ts'

describe('what a route takes', () => {
  const special: MatchFunction = () => true
  it.each<[Match | MatchFunction, string]>([
    [{ task: 'clip', type: 'textual' }, 'text search'],
    [{ task: 'clip', type: 'visual' }, 'image indexing'],
    [{ task: 'clip' }, 'text search and image indexing'],
    [{ task: 'facial-recognition' }, 'faces'],
    [{ task: 'facial-recognition', type: 'detection' }, 'faces'],
    [{ task: ['facial-recognition', 'ocr'] }, 'faces and OCR'],
    [{ task: ['clip', 'ocr'], input: 'image' }, 'image indexing and OCR'],
    [{ task: 'clip', type: 'textual', model: 'ViT-*' }, 'text search with the model ViT-*'],
    [{ task: 'clip', model: ['a', 'b'] }, 'text search and image indexing with the model a or b'],
    [{ input: 'text' }, 'input text (such as text search)'],
    [{ input: 'image' }, 'input image (such as image indexing, faces and OCR)'],
    [{ type: 'detection' }, 'type detection (such as faces and OCR)'],
    [{ task: ['ocr', 'tags'] }, 'task ocr or tags (such as OCR)'],
    [{ task: 'c*' }, 'task c* (such as text search and image indexing)'],
    [{ task: 'tags' }, 'task tags'],
    [{ task: 'clip', type: 'audio' }, 'task clip, type audio'],
    [{ task: 'clip', type: 'textual', input: 'image' }, 'task clip, type textual, input image'],
    [{}, 'every job that is known'],
    [{ model: 'm' }, 'every job that is known with the model m'],
    [{ header: { 'x-tenant': 'family' } }, 'every request with the header x-tenant: family'],
    [{ path: '/a/*' }, 'every request with the path /a/*'],
    [
      { task: 'clip', type: 'textual', header: { 'x-tenant': ['a', 'b'] }, path: '/a/*' },
      'text search with the header x-tenant: a or b and the path /a/*',
    ],
    [{ header: { 'x-api-key': 's3cret' } }, 'every request with the header x-api-key: (hidden)'],
    [special, 'what the function special takes'],
    [
      (
        () => () =>
          true
      )(),
      'what a function takes',
    ],
  ])('by %j is %s', (match, words) => {
    expect(jobsOf(match).words).toBe(words)
  })
})

describe('where a route leads', () => {
  const [gpu, mac, nas] = ['gpu', 'mac', 'nas']
  it.each<[Partial<Route>, Record<string, Partial<BackendOptions>>, string]>([
    [{ backends: ['gpu'] }, {}, 'everything: gpu'],
    [{ backends: [nas, gpu, mac], strategy: 'first' }, {}, 'everything: nas, then gpu, then mac'],
    [{}, {}, 'everything: the one expected to finish first of gpu, mac and nas'],
    [{ strategy: 'round-robin' }, {}, 'everything: gpu, mac and nas in turn'],
    [
      { strategy: 'weighted-round-robin' },
      { gpu: { weight: 4 }, mac: { weight: 2.5 } },
      'everything: gpu, mac and nas in turn, 4 : 2.5 : 1',
    ],
    [{ strategy: 'least-conn' }, {}, 'everything: the one with the fewest requests of gpu, mac and nas'],
    [{ strategy: 'model-affinity' }, {}, 'everything: the same of gpu, mac and nas for the same model'],
    [
      { strategy: () => ({ rank: () => [] }) },
      {},
      'everything: one of gpu, mac and nas, by your own strategy',
    ],
    [
      {},
      { nas: { tier: 2 } },
      'everything: the one expected to finish first of gpu and mac; when none of these is available, nas',
    ],
    [
      { backends: [nas, gpu, mac], strategy: 'first' },
      { nas: { tier: 3 }, gpu: { tier: 2 } },
      'everything: mac, then gpu, then nas',
    ],
    [{ name: 'all', backends: ['gpu'] }, {}, 'everything (all): gpu'],
  ])('%j %j', (route, backends, head) => {
    const settings = Object.fromEntries(
      Object.entries(three).map(([name, options]) => [name, { ...options, ...backends[name] }]),
    )
    const config = { backends: settings, routes: [{ backends: Object.keys(three), ...route }] }
    expect(section('Routes', config)[0]).toBe(head)
  })
})

describe('what else there is to say of a route', () => {
  const search = { task: 'clip', type: 'textual' }
  const ordered = { backends: ['nas', 'gpu'], strategy: 'first' } as const
  const HELD = {
    bulk: 'when unavailable: held up to 12 hours, 1000 requests at most',
    interactive: 'when unavailable: held up to 15 seconds, 1000 requests at most',
  }
  it.each<[string, Route, Partial<RouterConfig>, string[]]>([
    [
      'one backend',
      { match: search, backends: ['gpu'] },
      {},
      ['urgent', 'when full: queued up to 10 minutes', HELD.interactive],
    ],
    [
      'an order',
      { match: search, ...ordered },
      { queue: { maxWait: '90s' } },
      [
        'urgent',
        'when full: queued up to 90 seconds, even while a later backend is free',
        HELD.interactive,
        'when one fails: another is tried',
      ],
    ],
    [
      'an order, with all that differs',
      {
        match: { task: 'ocr' },
        ...ordered,
        backends: ['nas', 'gpu', 'mac'],
        spill: true,
        priority: 7,
        retries: 2,
        hold: { bulk: '12h', interactive: '12h', maxHeld: 1 },
        hedge: { after: '300ms', max: 2 },
        timeouts: { response: '20m', load: '3m', total: '1d', idle: '2m' },
        heartbeat: false,
      },
      { timeouts: { total: '1d' } },
      [
        'urgent, with priority 7',
        'when full: the next available backend; when all are full, queued up to 12 hours',
        'when unavailable: held up to 12 hours, 1 request at most',
        'when one fails: up to 2 others are tried',
        'when late: up to 2 others get it as well, after 300 milliseconds',
        'timeouts: response 20 minutes, load 3 minutes',
        'heartbeats: none',
      ],
    ],
    [
      'a pool without limits',
      { match: { task: 'clip' }, backends: ['mac', 'any'], priority: 'bulk', hedge: {}, retries: 0 },
      {},
      [
        'not urgent',
        'when full: queued up to 12 hours',
        HELD.bulk,
        'when one fails: no other is tried',
        'when late: another gets it as well, when it takes longer than 95 % of similar requests',
      ],
    ],
    [
      'a backend that is never full, and many endpoints',
      {
        match: { task: 'clip' },
        backends: ['any'],
        priority: 'interactive',
        hold: 'unlimited',
      },
      {},
      [
        'urgent',
        'when unavailable: held for as long as it takes, 1000 requests at most',
        'when one fails: up to 3 others are tried',
      ],
    ],
    [
      'urgent in part',
      { match: { input: ['text', 'image'] }, backends: ['gpu'] },
      { heartbeat: { after: '1s' } },
      [
        'text search is urgent, the rest is bulk',
        'when full: queued up to 12 hours (text search: up to 10 minutes)',
        'when unavailable: held up to 12 hours (text search: up to 15 seconds), 1000 requests at most',
      ],
    ],
    [
      'the number of bulk',
      { match: { task: 'ocr' }, backends: ['gpu'], priority: 0 },
      {},
      ['not urgent', 'when full: queued up to 12 hours', HELD.bulk],
    ],
    [
      'the number of interactive',
      { match: { task: 'ocr' }, backends: ['gpu'], priority: 1 },
      {},
      ['urgent', 'when full: queued up to 10 minutes', HELD.interactive],
    ],
    [
      'one backend that holds nothing',
      { match: { task: 'ocr' }, backends: ['gpu'] },
      { hold: false },
      ['when full: queued up to 10 minutes', 'when unavailable: not held; tried on the backend anyway'],
    ],
    [
      'several backends that hold nothing',
      { match: { task: 'ocr' }, backends: ['gpu', 'nas'], hold: false },
      { hold: '1h' },
      [
        'when full: queued up to 10 minutes',
        'when unavailable: not held; tried on the least bad backend anyway',
        'when one fails: another is tried',
      ],
    ],
  ])('%s', (_, route, rest, lines) => {
    const config = parseConfig({
      backends: { ...three, any: { url: 'http://any', maxConcurrent: 'unlimited', discover: 'dns' } },
      routes: [route, { backends: ['gpu'] }],
      ...rest,
    })
    const all = section('Routes', config)
    expect(all.slice(1, lines.length + 1)).toEqual(lines.map((line) => `  ${line}`))
    expect(all[lines.length + 1]).toBe('everything else: gpu')
  })

  it.each<[what: string, nas: Partial<BackendOptions>, line: string]>([
    [
      'all',
      {},
      'keepWarm: models of interactive jobs stay loaded on gpu and nas, by a canary after 4 minutes without a request for them',
    ],
    ...[
      { wake: { mac: 'aa:bb:cc:dd:ee:ff' } },
      { suspend: { url: 'http://pdu' } },
      { health: { mode: 'lazy' as const } },
      { keepWarm: '1m' },
    ].map((nas): [string, Partial<BackendOptions>, string] => [
      `not one with ${Object.keys(nas)}`,
      nas,
      'keepWarm: models of interactive jobs stay loaded on gpu, by a canary after 4 minutes without a request for them',
    ]),
  ])('names the backends whose models it keeps loaded: %s', (_, nas, line) => {
    const backends = { gpu: three.gpu, nas: { ...three.nas, ...nas } }
    const config = { backends, routes: [{ backends: ['gpu', 'nas'], keepWarm: '4m' }] }
    expect(section('Routes', config)).toContain(`  ${line}`)
  })

  it('says that keepWarm has no effect where each backend may sleep', () => {
    const gpu = { ...three.gpu, suspend: { url: 'http://pdu' } }
    expect(
      section('Routes', { backends: { gpu }, routes: [{ backends: ['gpu'], keepWarm: '4m' }] }),
    ).toContain('  keepWarm: no effect; each backend may sleep, or has a keepWarm of its own')
  })

  it('does not say that models stay loaded without canaries', () => {
    const backends = { ...three, gpu: { ...three.gpu, keepWarm: '1m' } }
    const config = {
      backends,
      routes: [{ backends: ['gpu', 'nas'], keepWarm: '4m' }],
      canary: false,
    } as const
    const words = describePolicy(config, { warnings: false })
    expect(words).toContain('gpu: http://gpu:3003')
    expect(words).not.toContain('keepWarm')
  })

  it('says of the last whether text search still comes to it', () => {
    const last = (match: Match) =>
      section('Routes', {
        backends: three,
        routes: [{ match, backends: ['gpu'] }, { backends: ['nas'] }],
      }).at(-3)
    expect(last({ task: 'ocr' })).toBe('  text search is urgent, the rest is bulk')
    expect(last({ ...search, model: 'm' })).toBe('  text search is urgent, the rest is bulk')
    expect(last(search)).toBe('everything else: nas')
  })
})

describe('the tenants', () => {
  it.each<[RouterConfig['tenant'], string]>([
    [{ header: 'X-Tenant' }, 'tenants: by the header X-Tenant; they take turns in the queue'],
    [() => 'family', 'tenants: as a function says; they take turns in the queue'],
  ])('%j', (tenant, line) => {
    expect(section('Global', { backends: three, tenant })).toContain(line)
  })
})

describe('words', () => {
  it('are plain', () => {
    expect([1, 250, 1000, 90_000, 3_600_000, 86_400_000, 0.5].map(duration)).toEqual([
      ...['1 millisecond', '250 milliseconds', '1 second', '90 seconds', '1 hour', '1 day'],
      '0.5 milliseconds',
    ])
    expect([1, 1024, 1_572_864, 33_554_432].map(size)).toEqual(['1 bytes', '1 KiB', '1.5 MiB', '32 MiB'])
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map((items) => listed(items))).toEqual([
      ...['', 'a', 'a and b', 'a, b and c'],
    ])
  })
})
