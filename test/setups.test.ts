import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expandConfig, parseConfig } from '@immich-ml-router/core'
import schema from '@immich-ml-router/core/config.schema.json' with { type: 'json' }
import { defaults } from '@immich-ml-router/core/parts'
import { prepare, setups } from '@immich-ml-router/example-setups'
import { configFromVariables } from '@immich-ml-router/gateway-kit'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { isCompose } from './support/compose.ts'
import { ROOT } from './support/docs.ts'
import { IMAGE, instructionsOf } from './support/image.ts'
import { itNeeds } from './support/tools.ts'

const exec = promisify(execFile)
const names = Object.keys(setups)
const pathOf = (name: string) => `examples/${name.startsWith('embedding/') ? name : `setups/${name}`}`
const directoryOf = (name: string) => join(ROOT, pathOf(name))
const readmeOf = (name: string) => readFileSync(join(directoryOf(name), 'README.md'), 'utf8')
const composed = names.filter((name) => existsSync(join(directoryOf(name), 'compose.yaml')))
/** Set-ups that run the image of the gateway. The others build an application of their own. */
const withImage = composed.filter((name) => !name.startsWith('embedding/'))

interface Service {
  readonly image?: string
  readonly read_only?: boolean
  readonly healthcheck?: unknown
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly command?: string[]
  readonly network_mode?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly stop_grace_period?: string
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes?: Readonly<Record<string, unknown>>
}

function composeOf(name: string): Compose {
  return parse(readFileSync(join(directoryOf(name), 'compose.yaml'), 'utf8'), { merge: true })
}

function routerOf(name: string): Service {
  return composeOf(name).services['router'] ?? {}
}

/** The directory of this machine that the router sees as /config. */
function configOf(name: string): string | undefined {
  const [source] =
    (routerOf(name).volumes ?? []).map((it) => it.split(':')).find(([, to]) => to === '/config') ?? []
  return source === undefined ? undefined : resolve(directoryOf(name), source)
}

/** The backends of a set-up, by its file or its variables. */
function backendsOf(name: string): URL[] {
  const { environment = {} } = routerOf(name)
  const directory = configOf(name)
  const config =
    directory === undefined
      ? configFromVariables(environment)
      : parseConfig(
          expandConfig(parse(readFileSync(join(directory, 'router.yaml'), 'utf8')), { env: environment }),
        )
  return Object.values(config.backends).map(({ url }) => new URL(url))
}

describe('the set-ups', () => {
  it('are all known', () => {
    const found = ['setups', 'embedding'].flatMap((parent) =>
      readdirSync(join(ROOT, 'examples', parent), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && !['src', 'node_modules'].includes(entry.name))
        .map(({ name }) => (parent === 'setups' ? name : `${parent}/${name}`)),
    )
    expect(found.sort()).toEqual([...names].sort())
  })

  it('are all in examples/setups/README.md', () => {
    const document = 'examples/setups/README.md'
    const text = readFileSync(join(ROOT, document), 'utf8')
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, target = '']) =>
      resolve(ROOT, dirname(document), target),
    )
    const missing = names.filter((name) => !links.includes(join(directoryOf(name), 'README.md')))
    expect(missing).toEqual([])
  })

  it('and the docs name one image, by one tag (node scripts/image-tag.mjs writes it)', () => {
    const found = execFileSync(
      'git',
      ['grep', '-hoE', 'ghcr.io/immich-ml-router/[a-z/-]+(:[a-z0-9.]+)?', '--', ':!test'],
      {
        cwd: ROOT,
        encoding: 'utf8',
      },
    )
    const [name = ''] = IMAGE.split(':')
    const others = found.split('\n').filter((it) => !['', name, `${name}:latest`, IMAGE].includes(it))
    expect(others).toEqual([])
  })

  it('reach nothing real when they are tried', async () => {
    await expect(
      prepare('sleeping-gpu', { urls: { '127.0.0.1:3004': 'http://127.0.0.1:1' } }),
    ).rejects.toThrow('no stub server for 192.168.1.20:3003')
  })
})

describe('the compose files', () => {
  itNeeds('compose')('are taken by docker compose', async () => {
    for (const name of composed) {
      await exec('docker', ['compose', '-f', join(directoryOf(name), 'compose.yaml'), 'config', '--quiet'])
    }
  })
})

describe.each(names)('the README of %s', (name) => {
  const readme = readmeOf(name)
  const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) =>
    block.trim().replaceAll('\\\n', '').split('\n'),
  )

  it('is one page', () => {
    expect(readme.split('\n').length).toBeLessThan(70)
  })

  it('leads from nothing to a routed request in two commands, without docker', () => {
    const block = blocks.find(([first]) => first === `npm run example -- ${name}`)
    expect(block).toHaveLength(2)
    expect(block?.[1]).toMatch(/^curl .*-F 'entries=.* http:\/\/localhost:3003\/predict$/)
  })

  it.runIf(composed.includes(name))('leads there in two commands with docker', () => {
    // An application of one's own is built again when it has changed; the gateway is pulled.
    const build = withImage.includes(name) ? '' : '--build '
    const up = `docker compose -f ${pathOf(name)}/compose.yaml up ${build}--detach --wait`
    const block = blocks.find(([first]) => first === up)
    expect(block).toHaveLength(2)
    expect(block?.[1]).toMatch(/^curl .*-F 'entries=.* http:\/\/localhost:3003\/predict$/)
  })
})

describe.each(composed)('the compose file of %s', (name) => {
  const { services, volumes = {} } = composeOf(name)
  const router = routerOf(name)

  it('builds an image with a health check, which is not /ping, and a user that is not root', () => {
    const { build, healthcheck } = router
    const context = resolve(directoryOf(name), build?.context ?? '')
    expect(join(context, '/')).toBe(ROOT)
    const instructions = instructionsOf(readFileSync(join(context, build?.dockerfile ?? ''), 'utf8'))
    const check = instructions.find(([instruction]) => instruction === 'HEALTHCHECK')?.[1]
    expect(check).toMatch(/\["immich-ml-router", "health"\]$|PORT \+ '\/'\)/)
    expect(instructions.findLast(([instruction]) => instruction === 'USER')?.[1]).toMatch(
      /^(node|65532:65532)$/,
    )
    // The one of the image is good enough.
    expect(healthcheck).toBeUndefined()
  })

  it.runIf(withImage.includes(name))('pulls the image of this version, and builds the same one', () => {
    expect(router.image).toBe(IMAGE)
    expect(router.build?.dockerfile).toBe('packages/gateway/Dockerfile')
    expect(router.read_only).toBe(true)
  })

  it('gives running requests the time to finish', () => {
    const [, seconds] = /^(\d+)s$/.exec(router.stop_grace_period ?? '') ?? []
    expect(Number(seconds) * 1000).toBeGreaterThan(defaults.drainTimeout + defaults.closeGrace)
  })

  it('mounts files that are there, and volumes that it has', () => {
    const mounted = Object.values(services).flatMap((service) => service.volumes ?? [])
    for (const volume of mounted) {
      const [source = ''] = volume.split(':')
      if (source.startsWith('.')) expect(existsSync(resolve(directoryOf(name), source)), source).toBe(true)
      else expect(volumes).toHaveProperty(source)
    }
    // An editor replaces files, and a mounted file stays the old one.
    const config = configOf(name)
    expect(mounted.filter((volume) => /\.ya?ml(:|$)/.test(volume))).toEqual([])
    expect(config === undefined || existsSync(join(config, 'router.yaml'))).toBe(true)
    expect(router.environment?.['ROUTER_CONFIG'] ?? '/config/router.yaml').toBe('/config/router.yaml')
  })

  it('has the servers of the configuration, or the README says that they are the reader’s', () => {
    for (const { hostname, port, protocol } of backendsOf(name)) {
      if (hostname === '127.0.0.1') {
        // Seen from the host's network, which the router is in.
        expect(router.network_mode).toBe('host')
        const published = Object.values(services).flatMap(({ ports = [] }) => ports)
        expect(published).toContain(`127.0.0.1:${port}:3003`)
      } else if (Object.hasOwn(services, hostname)) {
        expect([services[hostname]?.image?.split(':')[0], port]).toEqual([
          'ghcr.io/immich-app/immich-machine-learning',
          '3003',
        ])
      } else expect(readmeOf(name), `${protocol}//${hostname}`).toContain(hostname)
    }
  })

  it('is reached at port 3003', () => {
    const { environment = {}, ports, network_mode } = router
    const inside = environment['PORT'] ?? '3003'
    if (network_mode === 'host') expect(inside).toBe('3003')
    else expect(ports).toEqual([`3003:${inside}`])
  })

  it('is what the Compose Specification allows', () => {
    isCompose(composeOf(name))
    expect(isCompose.errors).toBeNull()
  })
})

/** What else stands in the column of ours: variables of the gateways, their endpoints, and what compose sets. */
const NO_OPTIONS = [
  'PORT',
  'METRICS_PORT',
  'ROUTER_CONFIG',
  'ML_TEXT_URL',
  'ML_IMAGE_URL',
  'ML_DEFAULT_URL',
].concat([
  'MAX_BODY_SIZE',
  'GET /',
  'GET /ping',
  'GET /metrics',
  'POST /predict',
  'stop_grace_period',
  'extra_hosts',
])

/** Whether the configuration has an option, such as `backends.<name>.wake.mac`, `routes[].match.task` or `routes[].strategy: first`. */
function isOption(written: string): boolean {
  const [path = ''] = written.split(': ')
  let schemas: unknown[] = [schema]
  for (const segment of path.replaceAll('[]', '.[]').split('.')) {
    schemas = schemas.flatMap((it) => member(it, segment))
  }
  return schemas.length > 0
}

function member(of: unknown, segment: string): unknown[] {
  if (typeof of !== 'object' || of === null) return []
  if ('anyOf' in of && Array.isArray(of.anyOf)) return of.anyOf.flatMap((it) => member(it, segment))
  if (segment === '[]') return 'items' in of ? [of.items] : []
  if (segment.startsWith('<')) return 'additionalProperties' in of ? [of.additionalProperties] : []
  if (!('properties' in of) || typeof of.properties !== 'object' || of.properties === null) return []
  return Object.entries(of.properties).flatMap(([name, value]) => (name === segment ? [value] : []))
}

/** Every setting that the other routers have: their variables, and what is fixed in them or their nginx configuration. */
const THEIRS: Readonly<Record<string, readonly string[]>> = {
  'from-immich-ml-proxy-nginx': ['ML_TEXT_URL', 'ML_IMAGE_URL', 'ML_DEFAULT_URL', 'MAX_BODY_SIZE'].concat(
    ['client_body_in_single_buffer', 'client_body_buffer_size', 'client_max_body_size', 'log_format'],
    ['resolver', 'resolver_timeout', 'listen', 'mirror', 'map', 'proxy_set_header X-Upstream', 'proxy_pass'],
  ),
  'from-pixelunioneu': [
    'LISTEN_ADDR',
    'DEFAULT_BACKEND_URL',
    'DEFAULT_BACKEND_BASIC_AUTH_USERNAME',
    'DEFAULT_BACKEND_BASIC_AUTH_PASSWORD',
    'OCR_BACKEND_URL',
    'OCR_BACKEND_BASIC_AUTH_USERNAME',
    'OCR_BACKEND_BASIC_AUTH_PASSWORD',
    'OCR_TASK_KEYS',
    'REQUEST_TIMEOUT',
    'MAX_BODY_BYTES',
    'LOG_LEVEL',
    '/healthz',
    '/readyz',
    '/metrics',
  ],
  'from-yanghu': ['LOCAL_ML_URL', 'REMOTE_ML_URL'],
  'from-pauleibensteiner': [
    'LOCAL_ML_URL',
    'REMOTE_ML_URL',
    'REMOTE_MAC',
    'WOL_BROADCAST',
    'WOL_PORT',
    'WOL_ENABLED',
    'WOL_MIN_INTERVAL_SECONDS',
    'REMOTE_BOOT_WAIT_SECONDS',
    'REMOTE_POLL_INTERVAL_SECONDS',
  ],
  'from-apetersson': [
    'IMML_BACKENDS',
    'worker_connections',
    'client_max_body_size',
    'client_body_buffer_size',
  ].concat(
    ['log_format', 'resolver', 'listen', 'least_conn', 'proxy_set_header', 'proxy_next_upstream'],
    ['proxy_next_upstream_tries', 'proxy_next_upstream_timeout', '/var/run/avahi-daemon/socket'],
  ),
  'from-immich': [
    'machineLearning.enabled',
    'machineLearning.urls',
    'machineLearning.availabilityChecks.enabled',
    'machineLearning.availabilityChecks.timeout',
    'machineLearning.availabilityChecks.interval',
    'IMMICH_MACHINE_LEARNING_ENABLED',
    'IMMICH_MACHINE_LEARNING_URL',
    'IMMICH_MACHINE_LEARNING_PING_TIMEOUT',
  ],
}

describe.each(names.filter((name) => name.startsWith('from-')))('the table of %s', (name) => {
  const [, table = ''] = readmeOf(name).split('| theirs | ours | |\n')
  const rows = (table.split('\n\n')[0] ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.split('|').map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, it = '']) => it)))

  it('has every setting of theirs', () => {
    const theirs = rows.flatMap(([, first = []]) => first)
    expect(THEIRS[name]?.filter((setting) => !theirs.includes(setting))).toEqual([])
  })

  it('has no setting of ours that is none', () => {
    const ours = rows.flatMap(([, , second = []]) => second)
    expect(ours.length).toBeGreaterThan(0)
    expect(ours.filter((written) => !NO_OPTIONS.includes(written) && !isOption(written))).toEqual([])
  })
})
