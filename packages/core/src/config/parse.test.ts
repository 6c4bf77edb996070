import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import config from '../../config.schema.json' with { type: 'json' }
import published from '../../policy.schema.json' with { type: 'json' }
import { jsonSchemas } from '../../scripts/json-schema.ts'
import { Forwarder } from '../forward/forwarder.ts'
import { createRouter } from '../router/create-router.ts'
import { resolveExchangeOptions } from '../router/exchange-options.ts'
import { parseConfig, parsePolicy } from './parse.ts'
import { ConfigError } from './problems.ts'

const backends = { gpu: { url: 'http://gpu:3003' }, nas: { url: 'http://nas:3003', weight: 2 } }

function problemsOf(data: unknown, parse: (data: unknown) => unknown = parsePolicy): string[] {
  try {
    parse(data)
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
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
      'The configuration has 12 mistakes:',
      '  backends.gpu.wieght is not an option. Did you mean "weight"?',
      '  backends["n s"] must be letters, digits, ".", "_" or "-", 64 at most.',
      '  backends.mac.url must begin with http:// or https://.',
      '  backends.no.url is missing.',
      '  routes[1].match.input must be "text", "image" or a list of them.',
      '  routes[1].match.taks is not an option. Did you mean "task"?',
      '  routes[1].strategy must be one of first, round-robin, weighted-round-robin, least-conn, peak-ewma, model-affinity, not round_robin. Did you mean "round-robin"?',
      '  maxBodysize is not an option.',
      '  routes[0] has no match and takes every request, so later routes get none; move it to the end.',
      '  routes[1].match must be removed: the last route takes every request that no other route takes.',
      '  routes[1].backends[0] names "gpuu", which is not among the backends. Did you mean "gpu"?',
      '  routes[1].backends[2] names "gpu" twice.',
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
    [{ backends, strategy: 'first' }, 'strategy is not an option here; move it to a route.'],
    [{ backends, tasks: ['clip'] }, 'tasks is not an option here; move it to a backend.'],
    [
      { backends, routes: [{ backends: ['gpu'], task: 'clip' }] },
      'routes[0].task is not an option here; move it to the match of a route.',
    ],
    [{ backends: { a: { url: 'http://h/ml/predict/' } } }, 'backends.a.url must not end in /predict'],
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
      'The configuration has 4 mistakes:',
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
      'The configuration has 3 mistakes:',
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
      'The configuration has 3 mistakes:',
      '  backendHeader must not be a header that frames or describes the message.',
      '  upstreamHeader must not be a header that frames or describes the message.',
      '  bakendHeader is not an option. Did you mean "backendHeader"?',
    ])
    const router = (data: unknown) => createRouter(data as never)
    expect(problemsOf(undefined, router)).toEqual([
      'The configuration has 1 mistake:',
      '  backends is missing.',
    ])
    expect(
      problemsOf({ backends, routes: [{ backends: ['gpu'], strategy: () => ({}) }] }, router)[1],
    ).toContain('routes[0].strategy must be')
  })
})

describe('what is one thing or another', () => {
  it.each<[object, string]>([
    [{ health: { fall: 1.5 } }, 'health.fall must be a whole number of 1 or more'],
    [{ health: { intervl: 3 } }, 'health.intervl is not an option. Did you mean "interval"?'],
    [{ health: true }, 'health must be false or an object of mode, path, interval, timeout, rise, fall'],
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
    [{ backends: { a: { url: 'http://a', wake: {} } } }, 'backends.a.wake must have mac, url or command'],
    [
      { backends: { a: { url: 'http://a', wake: { url: 'gpu-on' } } } },
      'backends.a.wake.url must be a URL such as http://homeassistant',
    ],
    [
      { backends: { a: { url: 'http://a', wake: { command: 'wake gpu' } } } },
      'backends.a.wake.command must be a list of the program and its arguments',
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
    expect(parse).toThrow('The configuration has 1 mistake:')
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

describe('the published JSON Schemas', () => {
  it('are what the code generates', () => {
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
      expect(() => parseConfig(bad)).toThrow(ConfigError)
    }
  })
})
