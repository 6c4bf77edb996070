import { inspect } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { file } from '../../../../test/support/temporary-file.ts'
import { ExpandedConfig, expandConfig } from './expand-config.ts'
import { parseConfig, parsePolicy } from './parse.ts'
import { ConfigError } from './problems.ts'

const sources = {
  env: { GPU: 'gpu.lan', EMPTY: '', N: '4', TRICK: '${GPU}, x: ${file:/etc/passwd}' },
  readFile: (path: string) => {
    const text = { '/run/secrets/token': 't0ken\n', '/run/secrets/two': 'a\r\n\r\n' }[path]
    if (text === undefined) throw Object.assign(new Error(`ENOENT, open ${path}`), { code: 'ENOENT' })
    return text
  },
}
const expanded = (text: string) => expandConfig({ text }, sources)

describe('a value', () => {
  it.each([
    ['plain', 'plain'],
    ['${GPU}', 'gpu.lan'],
    ['http://${GPU}:300${N}/', 'http://gpu.lan:3004/'],
    ['${EMPTY}', ''],
    ['${EMPTY:-other}', 'other'],
    ['${NONE:-}', ''],
    ['${NONE:-http://a:3003}', 'http://a:3003'],
    ['${GPU:-other}', 'gpu.lan'],
    ['${file:/run/secrets/token}', 't0ken'],
    ['Bearer ${file:/run/secrets/token}!', 'Bearer t0ken!'],
    ['${file:/run/secrets/two}', 'a\r\n'],
    ['$${GPU}', '${GPU}'],
    ['$${GPU}${GPU}', '${GPU}gpu.lan'],
    ['a$b $GPU $$ {GPU}', 'a$b $GPU $$ {GPU}'],
    ['$$${GPU}', '$${GPU}'],
    ['${TRICK}', '${GPU}, x: ${file:/etc/passwd}'],
  ])('%s is %s', (written, value) => {
    const config = expanded(written)
    expect([config.data(), config.problems]).toEqual([{ text: value }, []])
  })

  it.each([
    ['${NONE}', 'needs the variable NONE, which is not set; set it, or write a default: ${NONE:-default}'],
    [
      '${toString}',
      'needs the variable toString, which is not set; set it, or write a default: ${toString:-default}',
    ],
    [
      '${file:/run/secrets/none}',
      'needs the file /run/secrets/none, which cannot be read (ENOENT); check its path and permissions',
    ],
    ['${file:secrets/none}', 'needs an absolute path of a file, such as ${file:/run/secrets/token}'],
    ['${GPU', 'has a ${ that starts none of'],
    ['${}', 'has a ${ that starts none of'],
    ['${1}', 'has a ${ that starts none of'],
    ['${GPU:?must be set}', 'has a ${ that starts none of'],
    ['${env:GPU}', 'has a ${ that starts none of'],
  ])('%s is a mistake', (written, message) => {
    const config = expanded(written)
    expect(config.problems).toEqual([{ path: 'text', message: expect.stringContaining(message) }])
    expect(config.data()).toEqual({ text: written })
  })

  it('comes from the environment and the disk, unless told otherwise', async () => {
    const path = await file('secret', 'from a file\n')
    process.env['IMMICH_ML_ROUTER_TEST'] = 'from the environment'
    onTestFinished(() => {
      delete process.env['IMMICH_ML_ROUTER_TEST']
    })
    expect(expandConfig([`\${file:${path}}`, '${IMMICH_ML_ROUTER_TEST}']).data()).toEqual([
      'from a file',
      'from the environment',
    ])
  })
})

describe('data', () => {
  it('keeps its form, whatever its values are', () => {
    const when = new Date()
    const match = () => true
    const data = { '${GPU}': ['${GPU}', { n: 1, no: null, yes: true, when, match }] }
    expect(expandConfig(data, sources).data()).toEqual({
      '${GPU}': ['gpu.lan', { n: 1, no: null, yes: true, when, match }],
    })
    expect(data['${GPU}'][0]).toBe('${GPU}')
  })

  it('may refer to what it is in', () => {
    const data: Record<string, unknown> = { text: '${GPU}' }
    data['self'] = data
    expect(expandConfig(data, sources).data()).toEqual({ text: 'gpu.lan', self: undefined })
  })

  it('may have what is in it at several places', () => {
    const shared = { url: '${GPU}' }
    const config = expandConfig({ a: shared, b: shared }, sources)
    expect(['a.url', 'b.url', 'a'].map((path) => config.isExpanded(path))).toEqual([true, true, false])
  })

  it('is not shown by what logs it', () => {
    const config = expanded('${file:/run/secrets/token}')
    expect(JSON.stringify(config) + inspect(config, { depth: Number.POSITIVE_INFINITY })).not.toContain(
      't0ken',
    )
  })
})

describe('a configuration that is expanded', () => {
  const parse = (data: unknown, env: Record<string, string> = {}) =>
    parseConfig(expandConfig(data, { ...sources, env: { ...sources.env, ...env } }))

  it('has numbers and booleans where they are wanted, and text where text is', () => {
    const data = {
      maxBodySize: '${N}mb',
      retries: '${N}',
      health: { fall: '${N}' },
      answers: { busy: ['52${TWO}'] },
      backends: {
        a: {
          url: 'https://${GPU}:300${N}',
          maxConcurrent: '${N}',
          reserve: '${TWO}',
          weight: '${HALF}',
          health: '${NO}',
          auth: { basic: { username: '${N}', password: '${ZEROS}' } },
          headers: { 'x-number': '${N}' },
          timeouts: { connect: '${N}' },
        },
      },
    }
    expect(parse(data, { NO: 'false', TWO: '2', HALF: '0.5', ZEROS: '007' })).toEqual({
      maxBodySize: '4mb',
      retries: 4,
      health: { fall: 4 },
      answers: { busy: [522] },
      backends: {
        a: {
          url: 'https://gpu.lan:3004',
          maxConcurrent: 4,
          reserve: 2,
          weight: 0.5,
          health: false,
          auth: { basic: { username: '4', password: '007' } },
          headers: { 'x-number': '4' },
          timeouts: { connect: 4 },
        },
      },
    })
  })

  it('leaves text that was not expanded what it is', () => {
    const data = { backends: { a: { url: 'http://a', maxConcurrent: '4' } } }
    expect(() => parse(data)).toThrow('backends.a.maxConcurrent must be a whole number')
  })

  it('is refused with every mistake, those of expanding among them and each once', () => {
    const data = {
      backends: {
        a: { url: '${NONE}', wieght: 1, maxConcurrent: '${NONE}' },
        b: { url: 'http://b', auth: { bearer: '${file:/run/secrets/none}' } },
      },
      routes: [{ backends: ['${NONE}', '${GPU}'], strategy: '${GPU}' }],
    }
    expect(() => parse(data)).toThrow(
      [
        'The configuration has 7 mistakes:',
        '  backends.a.url needs the variable NONE, which is not set; set it, or write a default: ${NONE:-default}.',
        '  backends.a.maxConcurrent needs the variable NONE, which is not set; set it, or write a default: ${NONE:-default}.',
        '  backends.b.auth.bearer needs the file /run/secrets/none, which cannot be read (ENOENT); check its path and permissions.',
        '  routes[0].backends[0] needs the variable NONE, which is not set; set it, or write a default: ${NONE:-default}.',
        '  backends.a.wieght is not an option. Did you mean "weight"?',
        '  routes[0].strategy must be one of first, round-robin, weighted-round-robin, least-conn, peak-ewma, model-affinity.',
        '  routes[0].backends[1] names a backend, which is not among the backends.',
      ].join('\n'),
    )
  })

  it('is taken as a policy, too', () => {
    expect(parsePolicy(new ExpandedConfig({ backends: { a: { url: 'http://a' } } }))).toEqual({
      backends: { a: { url: 'http://a' } },
    })
  })
})

describe('a message', () => {
  const SECRET = 'hunter2'
  const whole = {
    $schema: 'x',
    maxBodySize: '1mb',
    onUnclassified: 'route',
    bodyMemory: '1mb',
    totalBodyMemory: '1mb',
    bodySpool: true,
    backendHeader: 'x-backend',
    upstreamHeader: 'x-upstream',
    forwardHeaders: ['cookie'],
    timeouts: { connect: '1s', response: '1s', idle: '1s', total: '1s' },
    retries: 1,
    queue: { maxWait: '1s', maxLength: 1 },
    health: { path: '/ping', interval: '1s', timeout: '1s', rise: 1, fall: 1 },
    heartbeat: { after: '1s', every: '1s' },
    backends: {
      gpu: {
        url: 'https://gpu',
        weight: 1,
        tier: 1,
        tasks: ['clip'],
        maxConcurrent: 4,
        reserve: '25%',
        headers: { 'x-key': 'k' },
        auth: { basic: { username: 'u', password: 'p' } },
        tls: { ca: ['c'], cert: 'c', key: 'k', servername: 'gpu', insecure: false },
        wake: { mac: 'aa:bb:cc:dd:ee:ff', broadcast: '10.0.0.255', port: 9, every: '1s' },
        discover: { names: ['gpu'], srv: 'gpu', interval: '1s' },
      },
      nas: { url: 'http://nas', auth: { bearer: 't' }, discover: 'dns' },
    },
    routes: [
      {
        name: 'r',
        match: { task: 'clip', type: 'textual', model: 'm', input: 'text' },
        backends: ['gpu'],
        strategy: 'first',
        spill: true,
        priority: 'bulk',
        hedge: { after: 'p95', max: 1 },
        hold: { bulk: '1s', interactive: '1s', maxHeld: 1 },
      },
      { backends: ['nas'] },
    ],
  }

  /** The same with a value at one of its leaves or members, each in turn. */
  function* withEach(data: unknown, value: unknown): Generator<unknown> {
    yield value
    if (typeof data !== 'object' || data === null) return
    for (const [key, item] of Object.entries(data)) {
      for (const changed of withEach(item, value)) {
        if (Array.isArray(data)) yield data.map((other, index) => (String(index) === key ? changed : other))
        else yield { ...data, [key]: changed }
      }
    }
  }

  it.each([
    ['${SECRET}', SECRET],
    ['${SECRET}', `${SECRET}:x@y`],
    ['${SECRET}', `http://h?${SECRET}`],
    ['${file:/run/secrets/secret}', `ftp://${SECRET}@h\n-`],
  ])('of a mistake never shows what was expanded, wherever it stood: %s as %j', (mark, secret) => {
    let mistakes = 0
    for (const data of withEach(whole, mark)) {
      try {
        parseConfig(expandConfig(data, { readFile: () => secret, env: { SECRET: secret } }))
      } catch (error) {
        mistakes++
        if (!(error instanceof ConfigError)) throw error
        expect(error.message + JSON.stringify(error.problems) + error.stack).not.toContain(SECRET)
      }
    }
    expect(mistakes).toBeGreaterThan(50)
  })
})
