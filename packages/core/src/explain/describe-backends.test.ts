import { beforeAll, describe, expect, it } from 'vitest'
import { authority, type KeyPair } from '../../../../test/support/certificates.ts'
import { section, three } from '../../../../test/support/described-policy.ts'
import { parseConfig } from '../config/parse.ts'
import type { BackendOptions, RouterConfig } from '../config/policy.ts'
import { describePolicy } from './describe-policy.ts'

describe('a backend', () => {
  let certified: KeyPair
  let ca: string
  beforeAll(async () => {
    const own = await authority()
    ca = own.cert
    certified = await own.certify(['router'])
  })
  const LEARNED = 'concurrency limit: learned'
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
        wake: {
          mac: 'aa:bb:cc:dd:ee:ff',
          url: 'http://ha:8123/api/webhook/secret',
          command: ['ssh', 'secret'],
        },
        timeouts: { connect: '500ms', total: 'unlimited' },
      }),
      [
        'a: https://a:3003/ml (bearer)',
        'headers: X-Key, x-tenant',
        'TLS: certified by its own authorities (ca), for ml.example, with a client certificate',
        'concurrency limit: 4 requests; 25% of them reserved for urgent requests',
        'tasks: clip and ocr alone',
        'tier: 2',
        'weight: 3',
        'endpoints: each address of a and b and each server that _http._tcp.ml names, looked up every 1 minute',
        'probes: / every 10 seconds, timeout 5 seconds, down after 1 without an answer, up after 1 answer',
        'wake: Wake-on-LAN, a request to ha:8123 and the command ssh, while a request needs this backend',
        'timeouts: connect 500 milliseconds',
      ],
    ],
    [
      'that is suspended and restarted',
      () => ({
        url: 'http://a',
        suspend: {
          afterIdle: '10m',
          url: 'https://me:s3cret@pdu:8443/s3cret?k=s3cret',
          headers: { authorization: 's3cret' },
        },
        recycle: { everyJobs: 20_000, everyHours: 24, url: 'http://pdu/s3cret', command: ['ssh', 's3cret'] },
        timeouts: { load: '5m' },
      }),
      [
        'a: http://a',
        LEARNED,
        PROBES,
        'suspend: a request to pdu:8443, after 10 minutes without a request for this backend',
        'recycle: a request to pdu and the command ssh, every 20000 jobs or 1 day',
        'timeouts: load 5 minutes',
      ],
    ],
    [
      'that is restarted after some hours, with warm models',
      () => ({ url: 'http://a', keepWarm: '4m', recycle: { everyHours: 0.7, command: ['/bin/restart'] } }),
      [
        'a: http://a',
        LEARNED,
        PROBES,
        'recycle: the command /bin/restart, every 42 minutes',
        'keepWarm: models of interactive jobs stay loaded, by a canary after 4 minutes without a request for them',
      ],
    ],
    [
      'with credentials in its URL',
      () => ({ url: 'https://me:s3cret@a', maxConcurrent: 'unlimited', health: false }),
      [
        'a: https://a (basic)',
        'TLS: certified by the usual authorities',
        'concurrency limit: unlimited',
        'probes: none',
      ],
    ],
    [
      'with a header of its own for them',
      () => ({ url: 'https://a', headers: { Authorization: 's3cret' }, tls: { insecure: true } }),
      ['a: https://a (authorization header)', 'TLS: certificate not verified', LEARNED, PROBES],
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
  const A_SIGN = 'heartbeats: after 2 minutes, then every 30 seconds'
  it.each<[Partial<RouterConfig>, string[]]>([
    [
      {},
      [
        'queue: 1000 requests at most, each up to 10 minutes unless its route says otherwise',
        'held bodies: 2 GiB at most',
        'bodies: up to 32 MiB; kept for retries: 1 MiB each and 256 MiB in total in memory, the rest in temp files',
        'unclassified requests: the last route',
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
        'queue: 1 request at most, each for as long as it takes unless its route says otherwise',
        'held bodies: unlimited',
        'bodies: of any size; kept for retries: unlimited each and 1.5 GiB in total in memory, the rest not kept',
        'unclassified requests: 422',
        'limits of what is read to know a job: entries 8 and entriesSize 16kb',
        'heartbeats: none',
        'timeouts: response unlimited, idle 1 minute',
        'answers: status 503, 500 or 504 means that the backend fails at every job; status 529 means that the backend is busy',
        'client headers passed on: cookie and authorization',
      ],
    ],
  ])('%j', (config, lines) => {
    expect(section('Global', parseConfig({ backends: three, ...config }))).toEqual(lines)
  })
})

describe('the warnings', () => {
  const config = parseConfig({ backends: three, routes: [{ backends: ['gpu', 'nas'] }] })

  it('are at the end', () => {
    expect(section('Warnings', config)).toEqual([
      'backends.mac is not in the backends of any route; add it to one, or remove it.',
    ])
  })

  it('can be left out', () => {
    expect(describePolicy(config, { warnings: false })).not.toContain('Warnings')
  })
})
