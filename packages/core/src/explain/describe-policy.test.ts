import { beforeAll, describe, expect, it } from 'vitest'
import { authority, type KeyPair } from '../../../../test/support/certificates.ts'
import { parseConfig } from '../config/parse.ts'
import type { BackendOptions, Match, MatchFunction, Route, RouterConfig } from '../config/policy.ts'
import { describePolicy } from './describe-policy.ts'
import { jobsOf } from './job-words.ts'
import { duration, listed, size } from './words.ts'

const three = {
  gpu: { url: 'http://gpu:3003' },
  mac: { url: 'http://mac:3003' },
  nas: { url: 'http://nas:3003' },
}

/** The lines of one section. */
function section(name: string, config: RouterConfig): string[] {
  const [, behind = ''] = describePolicy(config).split(new RegExp(`^${name}.*:\\n`, 'm'))
  return (behind.split('\n\n')[0] ?? '').split('\n').map((line) => line.slice(2))
}

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
    [{}, {}, 'everything: whichever is done first of gpu, mac and nas'],
    [{ strategy: 'round-robin' }, {}, 'everything: gpu, mac and nas in turn'],
    [
      { strategy: 'weighted-round-robin' },
      { gpu: { weight: 4 }, mac: { weight: 2.5 } },
      'everything: gpu, mac and nas in turn, 4 : 2.5 : 1',
    ],
    [{ strategy: 'least-conn' }, {}, 'everything: whichever has the fewest requests of gpu, mac and nas'],
    [{ strategy: 'model-affinity' }, {}, 'everything: the same of gpu, mac and nas for the same model'],
    [
      { strategy: () => ({ rank: () => [] }) },
      {},
      'everything: one of gpu, mac and nas, by a strategy of its own',
    ],
    [
      {},
      { nas: { tier: 2 } },
      'everything: whichever is done first of gpu and mac; when none of these is there, nas',
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
        timeouts: { response: '20m', total: '1d', idle: '2m' },
        heartbeat: false,
      },
      { timeouts: { total: '1d' } },
      [
        'urgent, with priority 7',
        'when full: the next available backend; when all are full, queued up to 12 hours',
        'when unavailable: held up to 12 hours, 1 request at most',
        'when one fails: up to 2 others are tried',
        'when late: up to 2 others get it as well, after 300 milliseconds',
        'timeouts: response 20 minutes',
        'a client that waits gets nothing',
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
        'when late: another gets it as well, when it takes longer than 95 % of its kind do',
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
        'text search is urgent, the rest is not',
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

  it('says of the last whether text search still comes to it', () => {
    const last = (match: Match) =>
      section('Routes', {
        backends: three,
        routes: [{ match, backends: ['gpu'] }, { backends: ['nas'] }],
      }).at(-3)
    expect(last({ task: 'ocr' })).toBe('  text search is urgent, the rest is not')
    expect(last({ ...search, model: 'm' })).toBe('  text search is urgent, the rest is not')
    expect(last(search)).toBe('everything else: nas')
  })
})

describe('a backend', () => {
  let certified: KeyPair
  let ca: string
  beforeAll(async () => {
    const own = await authority()
    ca = own.cert
    certified = await own.certify(['router'])
  })
  const LEARNED = 'at once: a learned number'
  const PROBES = 'probes: /ping every 10 seconds'

  it.each<[string, () => BackendOptions, string[]]>([
    ['with nothing but a URL', () => ({ url: 'http://a:3003/' }), ['a: http://a:3003', LEARNED, PROBES]],
    [
      'with all that differs',
      () => ({
        url: 'https://a:3003/ml',
        auth: { bearer: 's3cret' },
        headers: { 'X-Key': 's3cret', 'x-tenant': 's3cret' },
        tls: { ca, ...certified, servername: 'ml.example' },
        maxConcurrent: 4,
        reserve: '25%',
        tasks: ['clip', 'ocr'],
        tier: 2,
        weight: 3,
        discover: { names: ['a', 'b'], srv: '_http._tcp.ml', interval: '1m' },
        health: { path: '/', timeout: '5s', fall: 1, rise: 1 },
        wake: { mac: 'aa:bb:cc:dd:ee:ff' },
        timeouts: { connect: '500ms', total: 'unlimited' },
      }),
      [
        'a: https://a:3003/ml (bearer)',
        'headers: X-Key, x-tenant',
        'TLS: certified by its own authorities (ca), for ml.example, with a client certificate',
        'at once: 4 requests; 25% of them for the urgent alone',
        'tasks: clip and ocr alone',
        'tier: 2',
        'weight: 3',
        'endpoints: each address of a and b and each server that _http._tcp.ml names, looked up every 1 minute',
        'probes: / every 10 seconds, timeout 5 seconds, down after 1 without an answer, up after 1 answer',
        'wake: by Wake-on-LAN, while a request wants it',
        'timeouts: connect 500 milliseconds',
      ],
    ],
    [
      'with credentials in its URL',
      () => ({ url: 'https://me:s3cret@a', maxConcurrent: 'unlimited', health: false }),
      [
        'a: https://a (basic)',
        'TLS: certified by the usual authorities',
        'at once: any number',
        'probes: none',
      ],
    ],
    [
      'with a header of its own for them',
      () => ({ url: 'https://a', headers: { Authorization: 's3cret' }, tls: { insecure: true } }),
      ['a: https://a (authorization header)', 'TLS: any certificate will do', LEARNED, PROBES],
    ],
    [
      'with basic authentication',
      () => ({ url: 'http://a', auth: { basic: { username: 's3cret', password: 's3cret' } } }),
      ['a: http://a (basic)', LEARNED, PROBES],
    ],
  ])('%s', (_, options, [head, ...lines]) => {
    const config = parseConfig({ backends: { a: options() } })
    expect(section('Backends', config)).toEqual([head, ...lines.map((line) => `  ${line}`)])
    expect(describePolicy(config)).not.toMatch(/s3cret|me:|PRIVATE|CERTIFICATE/)
  })
})

describe('what holds for all', () => {
  const A_SIGN = 'a client that waits gets a sign of life after 2 minutes, then every 30 seconds'
  it.each<[Partial<RouterConfig>, string[]]>([
    [
      {},
      [
        'queue: 1000 requests at most, each up to 10 minutes',
        'held bodies: 2 GiB at most',
        'bodies: up to 32 MiB; for another attempt 1 MiB of each and 256 MiB of all in memory, the rest in temp files',
        'a job that is not known: to the last route',
        A_SIGN,
      ],
    ],
    [
      {
        queue: { maxLength: 1, maxWait: 'unlimited' },
        hold: { maxBytes: 'unlimited' },
        maxBodySize: 'unlimited',
        bodyMemory: 'unlimited',
        totalBodyMemory: '1.5g',
        bodySpool: false,
        onUnclassified: 'reject',
        heartbeat: false,
        timeouts: { response: 'unlimited', idle: '1m' },
        answers: { busy: [529], job: [], backend: [503, 500, 504] },
        forwardHeaders: ['cookie', 'authorization'],
        limits: { entries: 8, entriesSize: '16kb' },
      },
      [
        'queue: 1 request at most, each for as long as it takes',
        'held bodies: any amount',
        'bodies: of any size; for another attempt any amount of each and 1.5 GiB of all in memory, the rest not kept',
        'a job that is not known: refused with 422',
        'limits of what is read to know a job: entries 8 and entriesSize 16kb',
        'a client that waits gets nothing',
        'timeouts: response unlimited, idle 1 minute',
        'answers: status 503, 500 or 504 means that the backend fails at every job; status 529 means that the backend has no time now',
        'client headers passed on: cookie and authorization',
      ],
    ],
  ])('%j', (config, lines) => {
    expect(section('For all', parseConfig({ backends: three, ...config }))).toEqual(lines)
  })
})

describe('a warning', () => {
  it.each<[Partial<RouterConfig>, string[]]>([
    [{}, ['']],
    [
      { backends: { a: { url: 'http://a', unclassified: true } } },
      ['a: unclassified has no effect without tasks: the backend takes every request'],
    ],
    [
      { backends: { a: { url: 'https://a', tls: { insecure: true } } } },
      [
        'a: its certificate is not verified (tls.insecure), so anybody on the way can read and change everything',
      ],
    ],
    [
      { backends: { a: { url: 'http://u:p@a' }, b: { url: 'HTTP://b', auth: { bearer: 't' } } } },
      ['a', 'b'].map(
        (name) => `${name}: its credentials go over http, where anybody on the way can read them`,
      ),
    ],
    [{ routes: [{ backends: ['gpu', 'nas'] }] }, ['mac: no route leads to it']],
    [
      { backends: { a: { url: 'http://a', tasks: ['tags'] } } },
      [
        'clip/textual: no backend of its route serves it; add clip to the tasks of one',
        'clip/visual: no backend of its route serves it; add clip to the tasks of one',
        'facial-recognition: no backend of its route serves it; add facial-recognition to the tasks of one',
        'ocr: no backend of its route serves it; add ocr to the tasks of one',
        'unclassified requests: no backend of the last route takes them; set unclassified: true on one, or onUnclassified: reject',
      ],
    ],
    [
      {
        backends: { a: { url: 'http://a', tasks: ['clip', 'facial-recognition'] }, b: { url: 'http://b' } },
        routes: [
          { match: { task: 'clip' }, backends: ['a'] },
          { name: 'large', match: { input: 'image', model: 'large-*' }, backends: ['a'] },
          { backends: ['b'] },
        ],
      },
      ['ocr: no backend of route "large" serves it; add ocr to the tasks of one'],
    ],
  ])('%j', (config, lines) => {
    expect(section('Warnings', parseConfig({ backends: three, ...config }))).toEqual(lines)
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
