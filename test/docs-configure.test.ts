import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, describePolicy, expandConfig, parseConfig } from '@immich-ml-router/core'
import config from '@immich-ml-router/core/config.schema.json' with { type: 'json' }
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { resolvePolicy } from '../packages/core/src/config/resolve.ts'
import { authority } from './support/certificates.ts'
import { exampleOf, ROOT, rowsUnder } from './support/docs.ts'
import { reasonOf } from './support/reason-of.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const configure = read('docs/configure.md')

describe('docs/configure.md', () => {
  it('names the options in code only', () => {
    const { routes, $schema: _, ...rest } = config.properties
    const named = rowsUnder('Options in code only', 'docs/configure.md').map(([name = '']) => name)
    expect(named.length).toBeGreaterThan(4)
    for (const name of named.filter((it) => !it.startsWith('routes[]'))) expect(rest).not.toHaveProperty(name)
  })

  it('parses the example of discovery', () => {
    const { backends } = resolvePolicy(parseConfig(parse(exampleOf('docs/configure.md', 'discover'))))
    const found = [...backends.values()].map(({ discover }) => discover)
    expect(found).toMatchObject([
      { names: ['ml'], services: [], port: 3003 },
      { names: ['ml.default.svc.cluster.local'] },
      { names: ['ml-1.lan', 'ml-2.lan'], interval: 30_000 },
      { names: [], services: ['_http._tcp.ml.default.svc.cluster.local'] },
    ])
  })

  it('parses the example of credentials and TLS', async () => {
    const certified = await (await authority()).certify(['router'])
    // The last line end of a file is removed.
    const [key, cert] = [certified.key.trimEnd(), certified.cert.trimEnd()]
    const files: Record<string, string> = {
      '/run/secrets/gpu_token': 't0ken',
      '/run/secrets/ca.pem': cert,
      '/run/secrets/router.pem': cert,
      '/run/secrets/router.key': key,
    }
    const data = parse(exampleOf('docs/configure.md', 'secrets'))
    const sources = { env: { CLOUD_PASSWORD: 'pw' }, readFile: (path: string) => files[path] ?? '' }
    const { backends } = parseConfig(expandConfig(data, sources))
    expect(backends).toMatchObject({
      gpu: { auth: { bearer: 't0ken' }, tls: { ca: cert, cert, key } },
      cloud: { auth: { basic: { username: 'immich', password: 'pw' } } },
    })
  })

  it('parses the example of Immich and its queues, and describes it without the key', () => {
    const data = parse(exampleOf('docs/immich-queues.md', 'immich-queues'))
    const options = parseConfig(expandConfig(data, { readFile: () => 'a-secret-key\n' }))
    expect(options.immich).toMatchObject({ apiKey: 'a-secret-key', pauseWhileDown: true })
    const words = describePolicy(options)
    expect(words).toContain(
      'wake for bulk jobs: when 200 jobs wait and it is 01:00-06:00, or 12 hours after the first job',
    )
    expect(words).toContain(
      'Immich: http://immich-server:2283; lost jobs are queued again; queues are paused while no backend works',
    )
    expect(words).not.toContain('a-secret-key')
  })

  it('needs nothing but URLs', () => {
    const { backends, routes } = parseConfig(parse(exampleOf('docs/configure.md', 'minimal')))
    expect([Object.keys(backends), routes]).toEqual([['gpu', 'nas'], undefined])
  })

  it('shows the output of a check', () => {
    const shown = /```text\n(Routes[\s\S]*?)\n```/.exec(configure)?.[1] ?? 'nothing'
    const backends = { nas: { url: 'http://nas' }, gpu: { url: 'http://gpu' } }
    const search = {
      match: { task: 'clip', type: 'textual' },
      backends: ['nas', 'gpu'],
      strategy: 'first',
    } as const
    expect(describePolicy({ backends, routes: [search, { backends: ['gpu'] }] })).toContain(shown)
  })

  it('shows an error message', () => {
    const shown = /```text\n(The configuration [\s\S]*?)\n```/.exec(configure)?.[1]
    const mistaken = { backends: { gpu: { url: 'http://gpu', wieght: 2 } }, routes: [{ backends: ['gpuu'] }] }
    expect(() => parseConfig(mistaken)).toThrow(ConfigError)
    expect(() => parseConfig(mistaken)).toThrow(shown)
  })

  it('names every strategy', () => {
    const strategies = rowsUnder('Choose a strategy', 'docs/configure.md').map(([name]) => name)
    expect(strategies).toEqual(config.properties.routes.items.properties.strategy.enum)
  })
})

describe('docs/holding.md', () => {
  const holding = read('docs/holding.md')

  it('has the defaults', () => {
    const [, block = ''] = /```yaml\n(hold:[\s\S]*?)\n```/.exec(holding) ?? []
    const backends = { ml: { url: 'http://ml' } }
    const { heartbeats, routes, maxHeldBytes } = resolvePolicy({ backends })
    const written = resolvePolicy(parseConfig({ ...parse(block), backends }))
    expect(written).toMatchObject({ heartbeats, maxHeldBytes })
    expect(written.routes[0]?.hold).toEqual(routes[0]?.hold)
    expect(holding).toContain(`\`maxHeld\` (\`${routes[0]?.hold?.maxHeld}\`)`)
  })

  it('has examples of backends to wake, suspend and recycle', () => {
    const blocks = [...holding.matchAll(/```yaml\n(backends:[\s\S]*?)\n```/g)].map(([, block = '']) => block)
    const env = { HA_TOKEN: 'secret', RUNPOD_TOKEN: 'secret' }
    const configs = blocks.map((block) => parseConfig(expandConfig(parse(block), { env })))
    expect(configs).toHaveLength(4)
    expect(configs[0]?.backends).toHaveProperty('gpu.wake.mac')
    expect(configs[1]?.backends).toHaveProperty('gpu.wake.body')
    expect(configs[2]?.backends).toHaveProperty('gpu.recycle.everyJobs')
  })
})

describe('docs/troubleshooting.md', () => {
  it('has every error code, with its status', () => {
    const codes = [...read('packages/core/src/errors.ts').matchAll(/^ {2}'?([a-z-]+)'?: (\d{3}),$/gm)].map(
      ([, code, status]) => [code, status],
    )
    const documented = [...read('docs/troubleshooting.md').matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gm)].map(
      ([, code, status]) => [code, status],
    )
    expect(documented).toEqual(codes)
    expect(codes.length).toBeGreaterThan(10)
  })

  const reasons: readonly (readonly [string, string])[] = [
    ...[401, 403, 404, 405, 421, 530, 400].map(
      (status) => [String(status), reasonOf(status, 'text/plain', 'no')] as const,
    ),
    ['a login page', reasonOf(200, 'text/html', '<html>')],
    ['an empty body', reasonOf(200, 'text/plain', '')],
    ['a redirect', reasonOf(302, 'text/html', '', { location: 'https://login.example/in?to=%2F' })],
    ['an error inside', reasonOf(200, 'application/json', '{"clip":{"error":"missing image"}}')],
    ['a missing task', reasonOf(200, 'application/json', '{}')],
    ['500', reasonOf(500, 'text/plain', 'Internal Server Error')],
  ]
  it.each(reasons)('has the message for %s', (_, reason) => {
    expect(read('docs/troubleshooting.md')).toContain(`\`${reason}\``)
  })

  it('has every reason of an unclassified request', () => {
    const source = read('packages/core/src/classify/classification.ts')
    const known = [...source.matchAll(/^ {2}\| '([a-z-]+)'$/gm)].map(([, reason = '']) => reason)
    const text = read('docs/troubleshooting.md')
    expect(known.length).toBeGreaterThan(15)
    expect(known.filter((reason) => !text.includes(`\`${reason}\``))).toEqual([])
  })

  it.each(['UNKNOWN_CA', 'REFUSED', 'OTHER_NAME', 'NO_TLS'])('has the TLS message %s', (name) => {
    const source = read('packages/core/src/forward/tls-errors.ts')
    const [, message] = new RegExp(`^const ${name} = '(.+)'$`, 'm').exec(source) ?? []
    expect(read('docs/troubleshooting.md')).toContain(`\`${message}\``)
  })

  it('has the message for 413', () => {
    const [, cure] = reasonOf(413, 'text/html', '<html>').split(': ')
    expect(read('docs/troubleshooting.md')).toContain(cure)
  })
})
