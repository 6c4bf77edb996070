import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { classified } from '../../../../test/support/classifications.ts'
import config from '../../config.schema.json' with { type: 'json' }
import published from '../../policy.schema.json' with { type: 'json' }
import type { Classified } from '../classify/classification.ts'
import { unclassified } from '../classify/classification.ts'
import { jsonSchemas } from '../config/json-schema.ts'
import { parseConfig, parsePolicy } from '../config/parse-policy.ts'
import type { Match, Policy } from '../config/policy.ts'
import { PolicyError } from '../config/problems.ts'
import { parseSize } from '../config/size.ts'
import { NoBackendError } from '../errors.ts'
import { explainMiss } from '../explain/explain-match.ts'
import { Forwarder } from '../forward/forwarder.ts'
import { createRouter } from '../router/create-router.ts'
import { resolveExchangeOptions } from '../router/exchange-options.ts'
import { selectBackend } from '../router/select-backend.ts'
import { compileMatch, describeMatch } from './match.ts'

const backends = { gpu: { url: 'http://gpu:3003' }, nas: { url: 'http://nas:3003', weight: 2 } }

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
    expect(compileMatch(match)(classification)).toBe(fits)
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
    expect(compileMatch({ type: 'visual' })(many)).toBe(true)
    expect(compileMatch({ task: 'task-*', type: 'textual' })(many)).toBe(false)
    expect(reads).toBeLessThanOrEqual(10 * entries.length)
    reads = 0
    expect(explainMiss({ type: ['visual'], model: 'other' }, many)?.words.length).toBeLessThan(600)
    expect(explainMiss({ type: 'visual' }, many)).toBeUndefined()
    expect(reads).toBeLessThanOrEqual(20 * entries.length)
  })

  it('takes a pattern of many stars in good time', () => {
    const match = compileMatch({ model: `${'*a'.repeat(50)}*b` })
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

describe('selectBackend', () => {
  const policy: Policy = {
    backends: {
      gpu: { ...backends.gpu, maxConcurrent: 'unlimited' },
      nas: { ...backends.nas, maxConcurrent: 'unlimited' },
    },
    routes: [
      { match: { input: 'text' }, backends: ['nas', 'gpu'], strategy: 'first' },
      { name: 'by code', match: ({ tasks }) => tasks.includes('ocr'), backends: ['gpu'] },
      { backends: ['gpu', 'nas'], strategy: 'round-robin' },
    ],
  }

  it('takes the first route that matches, and the last for what it does not know', async () => {
    const select = selectBackend(policy)
    const pick = async (...args: Parameters<typeof select>) => {
      const { route, backend } = await select(...args)
      return `${route} ${backend.name}`
    }
    expect(await pick(search)).toBe('text nas')
    expect(await pick(search, { exclude: ['nas'] })).toBe('text gpu')
    expect(await pick(two)).toBe('by code gpu')
    expect([await pick(faces), await pick(faces), await pick(faces)]).toEqual([
      'default gpu',
      'default nas',
      'default gpu',
    ])
    expect(await pick(unclassified('no-entries'))).toBe('default nas')
  })

  it('counts a lease once, however often it is released', async () => {
    const select = selectBackend(policy)
    const [first, second] = [await select(search), await select(search)]
    expect(first.backend.inFlight).toBe(2)
    first.release()
    first.release()
    expect(first.backend.inFlight).toBe(1)
    second.release()
    expect(select.lease('nas').backend.inFlight).toBe(1)
    expect(() => select.lease('mac')).toThrow('"mac" is not among the backends: gpu, nas.')
  })

  it('says when nothing is left, and stops when it is told to', async () => {
    const select = selectBackend(policy)
    const excluded = select(two, { exclude: ['gpu'] })
    await expect(excluded).rejects.toThrow(NoBackendError)
    await expect(excluded).rejects.toThrow('No backend of route "by code" is available: gpu is excluded.')
    await expect(select(two, { signal: AbortSignal.abort(new Error('left')) })).rejects.toThrow('left')
  })

  it('without routes, sends everything to the backends in their order', async () => {
    const select = selectBackend({ backends })
    expect((await select(search)).backend.name).toBe('gpu')
    expect((await select(search, { exclude: ['gpu'] })).backend.name).toBe('nas')
  })

  it('takes a strategy made in code', async () => {
    const select = selectBackend({
      backends,
      routes: [
        {
          backends: ['gpu', 'nas'],
          strategy: () => ({
            rank: (all) => all.toReversed().map(({ backend }) => ({ backend, score: 0, reason: () => '' })),
          }),
        },
      ],
    })
    expect((await select(search)).backend.name).toBe('nas')
  })

  it('keeps credentials to itself', async () => {
    const { backend } = selectBackend({ backends: { a: { url: 'http://me:p%40ss@host:3003/ml/' } } }).lease(
      'a',
    )
    const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`
    expect(backend.target.headers()).toEqual({ authorization })
    expect(backend.url).toBe('http://host:3003/ml')
    expect(JSON.stringify(backend)).not.toMatch(/p%40ss|p@ss|Basic/)
  })
})

function problemsOf(data: unknown, parse: (data: unknown) => unknown = parsePolicy): string[] {
  try {
    parse(data)
  } catch (error) {
    if (error instanceof PolicyError) return error.message.split('\n')
    throw error
  }
  return []
}

describe('a policy with mistakes', () => {
  it('lists them all, each with its path and what was probably meant', () => {
    expect(
      problemsOf({
        backends: {
          gpu: { url: 'http://gpu:3003', wieght: 2 },
          'n s': { url: 'http://nas' },
          mac: { url: 'ftp://mac' },
          no: {},
        },
        routes: [
          { backends: ['gpu'] },
          {
            match: { taks: 'clip', input: 'images' },
            backends: ['gpuu', 'gpu', 'gpu'],
            strategy: 'round_robin',
          },
        ],
        maxBodysize: '32mb',
      }),
    ).toEqual([
      'The policy has 12 mistakes:',
      '  backends.gpu.wieght is not an option. Did you mean "weight"?',
      '  backends["n s"] must be letters, digits, ".", "_" or "-", 64 at most.',
      '  backends.mac.url must begin with http:// or https://.',
      '  backends.no.url is missing.',
      '  routes[1].match.input must be "text", "image" or a list of them.',
      '  routes[1].match.taks is not an option. Did you mean "task"?',
      '  routes[1].strategy must be one of first, round-robin, weighted-round-robin, least-conn, peak-ewma, model-affinity, not round_robin. Did you mean "round-robin"?',
      '  maxBodysize is not an option.',
      '  routes[0] has no match and takes every request, so the routes behind it get none: move it to the end.',
      '  routes[1].match must not be there: the last route takes every request that no other takes.',
      '  routes[1].backends[0] names "gpuu", which is not among the backends. Did you mean "gpu"?',
      '  routes[1].backends[2] names "gpu" a second time.',
    ])
  })

  it.each<[unknown, string]>([
    [undefined, 'must be an object with backends and routes'],
    [[], 'must be an object with backends and routes'],
    [{}, 'backends is missing'],
    [{ backends: {} }, 'backends must have at least one backend'],
    [{ backends, routes: [] }, 'routes must have at least one route'],
    [{ backends, routes: [{ backends: [] }] }, 'routes[0].backends must name at least one backend'],
    [{ backends: { a: { url: 'http://h?x=1' } } }, 'backends.a.url must have no query and no fragment'],
    [
      { backends: { a: { url: 'http://%zz@h' } } },
      'backends.a.url must have its user name and password percent-encoded',
    ],
    [{ backends: { a: { url: 'http://h', weight: 0 } } }, 'backends.a.weight must be a number above 0'],
    [{ backends: { a: 'http://h' } }, 'backends.a must be an object such as { url: http://gpu:3003 }'],
    [{ backends, retry: 3 }, 'retry is not an option. Did you mean "retries"?'],
    [
      { backends, routes: [{ backend: ['gpu'] }] },
      'routes[0].backend is not an option. Did you mean "backends"?',
    ],
  ])('%j', (data, message) => {
    expect(problemsOf(data).join('\n')).toContain(message)
  })

  it('is told of the mistakes in a configuration file as well', () => {
    expect(
      problemsOf(
        { backends, maxBodysize: 1, maxBodySize: '32 bananas', backendHeader: 'a b', onUnclassified: 'drop' },
        parseConfig,
      ),
    ).toEqual([
      'The policy has 4 mistakes:',
      '  maxBodySize must be bytes, a size such as "32mb", or "unlimited".',
      '  onUnclassified must be one of route, reject, not drop.',
      '  backendHeader must be a header name, or false.',
      '  maxBodysize is not an option. Did you mean "maxBodySize"?',
    ])
    expect(parseConfig({ $schema: 'x', backends, maxBodySize: '1.5 MiB' })).toEqual({
      backends,
      maxBodySize: '1.5 MiB',
    })
  })
})

describe('the options of the parts', () => {
  it('are complete once they are resolved, however they were written', () => {
    expect(resolveExchangeOptions()).toMatchObject({ maxBodySize: 33_554_432, onUnclassified: 'route' })
    for (const maxBodySize of ['unlimited', Number.POSITIVE_INFINITY]) {
      expect(resolveExchangeOptions({ maxBodySize }).maxBodySize).toBe(Number.POSITIVE_INFINITY)
    }
    expect(resolveExchangeOptions({ maxBodySize: '1k', onUnclassified: 'reject' })).toMatchObject({
      maxBodySize: 1024,
      onUnclassified: 'reject',
    })
  })

  it('are checked like those of the whole', () => {
    expect(
      problemsOf({ maxBodySiz: 1, onUnclassified: 'x', maxBodySize: '0' }, (data) =>
        resolveExchangeOptions(data as object),
      ),
    ).toEqual([
      'The policy has 3 mistakes:',
      '  maxBodySize must be above 0.',
      '  onUnclassified must be one of route, reject, not x.',
      '  maxBodySiz is not an option. Did you mean "maxBodySize"?',
    ])
    const forwarder = (data: unknown) => new Forwarder(data as object)
    expect(
      problemsOf(
        { bakendHeader: false, upstreamHeader: 'Content-Length', backendHeader: 'set-cookie' },
        forwarder,
      ),
    ).toEqual([
      'The policy has 3 mistakes:',
      '  backendHeader must not be a header that frames or describes the message.',
      '  upstreamHeader must not be a header that frames or describes the message.',
      '  bakendHeader is not an option. Did you mean "backendHeader"?',
    ])
    const router = (data: unknown) => createRouter(data as never)
    expect(problemsOf(undefined, router)).toEqual(['The policy has 1 mistake:', '  backends is missing.'])
    expect(
      problemsOf({ backends, routes: [{ backends: ['gpu'], strategy: () => ({}) }] }, router)[1],
    ).toContain('routes[0].strategy must be')
  })
})

describe('what is one thing or another', () => {
  it.each<[object, string]>([
    [{ health: { fall: 1.5 } }, 'health.fall must be a whole number of 1 or more'],
    [{ health: { intervl: 3 } }, 'health.intervl is not an option. Did you mean "interval"?'],
    [{ health: true }, 'health must be false or an object of path, interval, timeout, rise, fall'],
    [{ answers: { busy: 529 } }, 'answers.busy must be a list of statuses'],
    [{ answers: { busy: [409], job: [409] } }, 'answers names the status 409 twice'],
    [{ answers: { job: [200] } }, 'answers.job[0] must be a list of statuses from 400 to 599'],
    [{ answers: { jobs: [422] } }, 'answers.jobs is not an option. Did you mean "job"?'],
    [{ heartbeat: { every: 'unlimited' } }, 'heartbeat.every must be milliseconds above 0, or a duration'],
    [{ bodySpool: '' }, 'bodySpool must be true, false or a directory'],
    [{ bodyMemory: 0 }, 'bodyMemory must be bytes'],
    [
      { backends: { a: { url: 'http://a', tasks: ['*'] } } },
      'backends.a.tasks[0] must be the name of a task',
    ],
    [
      { backends: { a: { url: 'http://a', wake: { mac: 'aa:bb:cc:dd:ee:ff', broadcast: '999.1.1.1' } } } },
      'backends.a.wake.broadcast must be an IPv4 address',
    ],
    [
      { backends: { a: { url: 'http://a', maxConcurrent: 'unlimited', reserve: 1 } } },
      'backends.a.reserve needs a maxConcurrent',
    ],
    [
      { backends: { a: { url: 'http://a', maxConcurrent: 2, reserve: 2 } } },
      'backends.a.reserve must be below maxConcurrent',
    ],
    [
      { backends: { a: { url: 'http://192.168.1.20:3003', discover: 'dns' } } },
      'backends.a.discover needs a url with a host name, not with an address',
    ],
    [
      { backends: { a: { url: 'http://[fd00::1]', discover: { names: ['b'] } } } },
      'backends.a.discover needs a url with a host name, not with an address',
    ],
    [
      { backends: { a: { url: 'http://a', discover: 'mdns' } } },
      'backends.a.discover must be "dns", or an object of names, srv, interval',
    ],
    [
      { backends: { a: { url: 'http://a', discover: { name: ['b'] } } } },
      'backends.a.discover.name is not an option. Did you mean "names"?',
    ],
    [
      { backends: { a: { url: 'http://a', discover: { names: ['b', '10.0.0.1'] } } } },
      'backends.a.discover.names[1] must be a host name such as ml.example, and no address',
    ],
    [
      { backends: { a: { url: 'http://a', discover: { names: 'b' } } } },
      'backends.a.discover.names must be a list of host names',
    ],
    [
      { backends: { a: { url: 'http://a', discover: { srv: 'http://b' } } } },
      'backends.a.discover.srv must be the name of a service such as _http._tcp.ml.example',
    ],
    [
      { backends: { a: { url: 'http://a', discover: { interval: 'unlimited' } } } },
      'backends.a.discover.interval must be milliseconds above 0, or a duration',
    ],
  ])('is one mistake, at its place: %j', (data, message) => {
    const parse = () => parseConfig({ backends: { a: { url: 'http://a' } }, ...data })
    expect(parse).toThrow(message)
    expect(parse).toThrow('The policy has 1 mistake:')
  })

  it('is found out before anything runs, when it is a directory that is not there', () => {
    expect(() => resolveExchangeOptions({ bodySpool: '/nowhere/at/all' })).toThrow(
      'bodySpool must be a directory that can be written to',
    )
  })
})

describe('the names of discover', () => {
  it.each<[string, boolean]>([
    ['ml', true],
    ['ml-1.default.svc.cluster.local.', true],
    ['_http._tcp.ml.lan', true],
    ['10-0-0-1.pods', true],
    ['1.2.3.4.example', true],
    ['10.0.0.1', false],
    ['10', false],
    ['::1', false],
    ['ml:3003', false],
    ['a b', false],
    ['a..b', false],
    ['-a', false],
    ['', false],
    [`${'a'.repeat(64)}.b`, false],
  ])('"%s": %s', (name, good) => {
    const parse = () => parseConfig({ backends: { a: { url: 'http://a', discover: { names: [name] } } } })
    if (good) expect(parse).not.toThrow()
    else expect(parse).toThrow('backends.a.discover.names[0] must be a host name')
  })
})

describe('sizes', () => {
  it.each<[string | number, number | undefined]>([
    [7, 7],
    ['7', 7],
    ['7b', 7],
    ['32m', 33_554_432],
    ['32mb', 33_554_432],
    ['32 MiB', 33_554_432],
    ['0.5k', 512],
    ['2G', 2_147_483_648],
    ['unlimited', Number.POSITIVE_INFINITY],
    ['-1', undefined],
    ['32 bananas', undefined],
    ['', undefined],
  ])('%s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })
})

describe('the published JSON Schemas', () => {
  it('are up to date; any npm command generates them', () => {
    expect({ policy: published, config }).toEqual(jsonSchemas())
  })

  it('agree with the parser', () => {
    const validate = new Ajv2020({ allowUnionTypes: true }).compile(config)
    const good = {
      backends,
      routes: [
        { match: { task: ['ocr'], input: 'image' }, backends: ['gpu'] },
        { backends: ['nas'], strategy: 'least-conn', hedge: { after: 'p95', max: 2 } },
      ],
      maxBodySize: '32MB',
    }
    expect([validate(good), validate.errors]).toEqual([true, null])
    expect(parseConfig(good)).toEqual(good)
    for (const bad of [
      {},
      { backends, maxBodySize: 'x' },
      { backends, nope: 1 },
      { backends, routes: [{ backends: [], strategy: 'x' }] },
      { backends, routes: [{ backends: ['gpu'], hedge: { after: 'p100' } }] },
    ]) {
      expect(validate(bad)).toBe(false)
      expect(() => parseConfig(bad)).toThrow(PolicyError)
    }
  })
})
