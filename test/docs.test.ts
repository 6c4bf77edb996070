import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  ConfigError,
  describePolicy,
  expandConfig,
  explanationText,
  parseConfig,
  selectBackend,
} from '@immich-ml-router/core'
import config from '@immich-ml-router/core/config.schema.json' with { type: 'json' }
import { judge } from '@immich-ml-router/core/parts'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { constants } from '../packages/core/src/config/constants.ts'
import { resolvePolicy } from '../packages/core/src/config/resolve.ts'
import { LINES, LOG_FIELDS } from '../packages/core/src/logging/lines.ts'
import { defaults as statusPageDefaults } from '../packages/status-page/src/defaults.ts'
import { authority } from './support/certificates.ts'
import { exampleOf, ROOT } from './support/docs.ts'

const documents = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const configuration = read('docs/configuration.md')
const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 * 1024 }

/** The rows of the tables under a heading, as cells. */
function rows(heading: string, document = configuration): string[][] {
  const section = document.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', '')),
    )
}

/** The limits in the rows of a table, by name. */
function limits(table: string[][]): Record<string, number> {
  return Object.fromEntries(
    table.map(([name = '', value = '']) => {
      const [number, unit = ''] = value.split(' ')
      return [name, Number(number) * (UNITS[unit] ?? 1)]
    }),
  )
}

describe('links', () => {
  it.each(documents)('in %s lead somewhere', (path) => {
    const targets = [...read(path).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(
      ([, target = '']) => target,
    )
    const missing = targets.filter((target) => !existsSync(join(ROOT, dirname(path), target)))
    expect(missing).toEqual([])
  })

  it.each(documents)('in %s lead to headings that are there', (path) => {
    const targets = [...read(path).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)]
    const missing = targets.filter(([, target = '', anchor = '']) => {
      const file = target === '' ? path : join(dirname(path), target)
      return !anchorsOf(read(file)).includes(anchor)
    })
    expect(missing.map(([link]) => link)).toEqual([])
  })
})

/** The anchors that GitHub gives to headings; the second of a name gets a number. */
function anchorsOf(markdown: string): string[] {
  const seen = new Map<string, number>()
  return [...markdown.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(
    ([, heading = '']) => {
      const anchor = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-')
      const before = seen.get(anchor) ?? 0
      seen.set(anchor, before + 1)
      return before === 0 ? anchor : `${anchor}-${before}`
    },
  )
}

describe('docs/status-page.md', () => {
  it('has every fixed limit as it is', () => {
    const { basePath: _, ...fixed } = statusPageDefaults
    expect(limits(rows('Fixed limits', read('docs/status-page.md').replaceAll('### ', '## ')))).toEqual(fixed)
  })
})

describe('docs/configuration.md', () => {
  it('names what only code can have', () => {
    const { routes, $schema: _, ...rest } = config.properties
    const named = rows('In code alone').map(([name = '']) => name)
    expect(named.length).toBeGreaterThan(4)
    for (const name of named.filter((it) => !it.startsWith('routes[]'))) expect(rest).not.toHaveProperty(name)
  })

  it('says when heartbeats begin, as it is', () => {
    const [, after] = /`after` \(`(\w+)`\)/.exec(configuration) ?? []
    const [, every] = /`every` \(`(\w+)`\)/.exec(configuration) ?? []
    const backends = { ml: { url: 'http://ml' } }
    const { heartbeats, routes } = resolvePolicy({ backends })
    expect(resolvePolicy({ backends, heartbeat: { after, every } }).heartbeats).toEqual(heartbeats)
    expect(configuration).toContain(`\`maxHeld\` (\`${routes[0]?.hold?.maxHeld}\` a route)`)
  })

  it('names every fixed limit as it is', () => {
    const documented = limits(rows('What is fixed'))
    const fixed = Object.fromEntries(
      Object.entries(constants).filter(([name]) => !/^metrics[A-Z]/.test(name)),
    )
    expect(documented).toEqual(fixed)
  })

  it.each([
    ['README.md', 'config'],
    ['README.md', 'sleeping'],
    ['docs/configuration.md', 'hold'],
    ['docs/configuration.md', 'hedge'],
  ])('is what the example in %s called %s is written by', (document, name) => {
    const { routes } = parseConfig(parse(exampleOf(document, name)))
    expect(routes?.length).toBeGreaterThan(1)
  })

  it('is what the example of names with many addresses is written by', () => {
    const { backends } = resolvePolicy(parseConfig(parse(exampleOf('docs/configuration.md', 'discover'))))
    const found = [...backends.values()].map(({ discover }) => discover)
    expect(found).toMatchObject([
      { names: ['ml'], services: [], port: 3003 },
      { names: ['ml.default.svc.cluster.local'] },
      { names: ['ml-1.lan', 'ml-2.lan'], interval: 30_000 },
      { names: [], services: ['_http._tcp.ml.default.svc.cluster.local'] },
    ])
  })

  it('is what the example of credentials and TLS is written by', async () => {
    const certified = await (await authority()).certify(['router'])
    // One line end at the end of a file is none of its text.
    const [key, cert] = [certified.key.trimEnd(), certified.cert.trimEnd()]
    const files: Record<string, string> = {
      '/run/secrets/gpu_token': 't0ken',
      '/run/secrets/ca.pem': cert,
      '/run/secrets/router.pem': cert,
      '/run/secrets/router.key': key,
    }
    const data = parse(exampleOf('docs/configuration.md', 'secrets'))
    const sources = { env: { CLOUD_PASSWORD: 'pw' }, readFile: (path: string) => files[path] ?? '' }
    const { backends } = parseConfig(expandConfig(data, sources))
    expect(backends).toMatchObject({
      gpu: { auth: { bearer: 't0ken' }, tls: { ca: cert, cert, key } },
      cloud: { auth: { basic: { username: 'immich', password: 'pw' } } },
    })
  })

  it('needs nothing but URLs', () => {
    const { backends, routes } = parseConfig(parse(exampleOf('README.md', 'pool')))
    expect([Object.keys(backends), routes]).toEqual([['gpu', 'mac', 'nas'], undefined])
  })

  it('shows what a check says as it is', () => {
    const shown = /```text\n(Routes[\s\S]*?)\n```/.exec(configuration)?.[1] ?? 'nothing'
    const backends = { nas: { url: 'http://nas' }, gpu: { url: 'http://gpu' } }
    const search = {
      match: { task: 'clip', type: 'textual' },
      backends: ['nas', 'gpu'],
      strategy: 'first',
    } as const
    expect(describePolicy({ backends, routes: [search, { backends: ['gpu'] }] })).toContain(shown)
  })

  it('shows an error as it is', () => {
    const shown = /```text\n([\s\S]*?)\n```/.exec(configuration)?.[1]
    const mistaken = { backends: { gpu: { url: 'http://gpu', wieght: 2 } }, routes: [{ backends: ['gpuu'] }] }
    expect(() => parseConfig(mistaken)).toThrow(ConfigError)
    expect(() => parseConfig(mistaken)).toThrow(shown)
  })

  it('names every reason and every strategy', () => {
    const strategies = rows('Strategies').map(([name]) => name)
    expect(strategies).toEqual(config.properties.routes.items.properties.strategy.enum)
  })
})

describe('docs/logs.md', () => {
  const logs = read('docs/logs.md')

  it('has every line with its levels, and no other', () => {
    const documented = [...logs.matchAll(/^\| `([^`]+)` \| ((?:`\w+`(?:, )?)+) \| .+ \| .+ \|$/gm)].map(
      ([, message = '', levels = '']) => [message, levels.replaceAll('`', '').split(', ')],
    )
    expect(Object.fromEntries(documented)).toEqual(LINES)
  })

  it('has every field, and no other', () => {
    const fields = /^## The line of a request$([\s\S]*?)^## /m.exec(logs)?.[1] ?? ''
    expect([...fields.matchAll(/^\| `(\w+)` \|/gm)].map(([, field]) => field)).toEqual([...LOG_FIELDS])
  })

  it('shows a line as it is', () => {
    const { level: _, msg, ...shown } = JSON.parse(/```json\n([\s\S]*?)\n```/.exec(logs)?.[1] ?? '')
    expect(Object.keys(LINES)).toContain(msg)
    expect(LOG_FIELDS).toEqual(expect.arrayContaining(Object.keys(shown)))
  })

  it('says what a gateway says besides', () => {
    const source = read('examples/gateway-kit/src/run.ts')
    for (const words of [
      'gateway, configured by',
      'running requests finish, new ones are held',
      'stopped',
      'log lines dropped',
    ]) {
      expect(logs).toContain(words)
      expect(source).toContain(words)
    }
  })
})

describe('docs/library.md', () => {
  it('shows an explanation as it is', () => {
    const library = read('docs/library.md')
    const [example = '', shown = ''] = [
      exampleOf('docs/library.md', 'explain'),
      /```text\n(route 1 [\s\S]*?)```/.exec(library)?.[1],
    ]
    const [, backends = '', routes = ''] = /backends: (\{.*\}),\n {2}routes: (\[.*\]),\n/.exec(example) ?? []
    const select = selectBackend({ backends: parse(backends), routes: parse(routes) })
    const entries = [{ task: 'clip', type: 'textual', model: 'm', options: {} }]
    const explained = select.explain({ classified: true, entries, tasks: ['clip'], input: 'text' })
    expect(explanationText(explained)).toBe(shown)
  })

  it('shows a verdict as it is', () => {
    const example = exampleOf('docs/library.md', 'judge')
    expect(example).toContain(`status: 401`)
    expect(example).toContain(`a fault of the backend: ${reasonOf(401, 'text/html', '<html>')}`)
  })
})

/** Why the answer of the backend `gpu` to a CLIP request is not good. */
function reasonOf(status: number, type: string, body: string, headers: Record<string, string> = {}): string {
  const verdict = judge(
    { status, headers: { 'content-type': type, ...headers }, body: Buffer.from(body), complete: true },
    { backend: 'gpu', tasks: ['clip'], names: () => [], written: () => '' },
  )
  return 'reason' in verdict ? verdict.reason : verdict.kind
}

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
    ['a task that is missing', reasonOf(200, 'application/json', '{}')],
    ['500', reasonOf(500, 'text/plain', 'Internal Server Error')],
  ]
  it.each(reasons)('has the reason of %s as it is', (_, reason) => {
    expect(read('docs/troubleshooting.md')).toContain(`\`${reason}\``)
  })

  it('has the reason of 413 as it is', () => {
    const [, cure] = reasonOf(413, 'text/html', '<html>').split(': ')
    expect(read('docs/troubleshooting.md')).toContain(cure)
  })
})

describe.each(['express', 'koa'])('the compose file of the %s gateway', (name) => {
  const compose = parse(read(`examples/${name}-gateway/compose.yaml`), { merge: true })

  it('is the set-up of the seed', () => {
    expect(Object.keys(compose.services)).toEqual(['client', 'router', 'ml-text', 'ml-image', 'ml-default'])
    const { environment, networks } = compose.services.router
    expect(networks.default.aliases).toEqual(['router1', 'router2', 'router3'])
    for (const variable of ['ML_TEXT_URL', 'ML_IMAGE_URL', 'ML_DEFAULT_URL']) {
      const { hostname, port } = new URL(environment[variable])
      expect([Object.keys(compose.services).includes(hostname), port]).toEqual([true, '3003'])
    }
  })

  it('builds what is there', () => {
    for (const { build } of Object.values<{ build?: { dockerfile: string } }>(compose.services)) {
      if (build === undefined) continue
      const dockerfile = read(build.dockerfile)
      const [, main = ''] = /^CMD \["node", "([^"]+)"\]$/m.exec(dockerfile) ?? []
      expect(existsSync(join(ROOT, main))).toBe(true)
      const [, filter = ''] = /--filter "([^."]+)\.\.\."/.exec(dockerfile) ?? []
      expect(JSON.parse(read(join(dirname(build.dockerfile), 'package.json'))).name).toBe(filter)
      expect(dockerfile).toMatch(/^USER node$/m)
      // A fresh clone has no status page, and a copy in the build context could be stale.
      if (build.dockerfile.includes('-gateway/'))
        expect(dockerfile).toMatch(/^COPY --from=page .*page\.generated\.ts /m)
      expect(dockerfile).toMatch(/^HEALTHCHECK /m)
    }
  })
})
