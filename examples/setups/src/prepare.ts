import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMap, parse, parseDocument } from 'yaml'

const EXAMPLES = fileURLToPath(new URL('../..', import.meta.url))

/** The arguments and the working directory of a Node process. */
export interface Program {
  readonly cwd: string
  readonly args: readonly string[]
}

/** A set-up in which only the backends are replaced, by stub servers. */
export interface Prepared {
  readonly program: Program
  /** The variables of its compose file, Deployment or unit, without `ROUTER_CONFIG`. */
  readonly environment: Readonly<Record<string, string>>
  /** The text of its configuration file, if it has one. */
  readonly config: string | undefined
}

export interface StubServers {
  /** The URL of a stub server for each `host:port` of the set-up. */
  readonly urls: Readonly<Record<string, string>>
  /** The local port for Wake-on-LAN packets. */
  readonly wakePort?: number | undefined
}

/**
 * Reads a set-up, such as `sleeping-gpu` or `embedding/koa`, and replaces its backends by stub servers.
 *
 * @throws {Error} if a backend has no stub server, because an example must not send requests to a real one.
 */
export async function prepare(name: string, servers: StubServers): Promise<Prepared> {
  const embedded = name.startsWith('embedding/')
  const directory = join(EXAMPLES, embedded ? name : join('setups', name))
  const { environment, config } = await readSetup(directory)
  return {
    program: embedded ? embeddingProgram(directory) : gatewayProgram(),
    environment: Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [
        key,
        key.endsWith('_URL') ? stubUrl(value, servers) : value,
      ]),
    ),
    config: config === undefined ? undefined : replaceServers(await readFile(config, 'utf8'), servers),
  }
}

function gatewayProgram(): Program {
  return { cwd: dirname(EXAMPLES), args: ['packages/gateway/src/main.ts', 'run'] }
}

function embeddingProgram(directory: string): Program {
  // Node cannot run Nest's decorators by itself.
  const loader = directory.endsWith('nestjs') ? ['--import', 'tsx'] : []
  return { cwd: directory, args: [...loader, 'main.ts'] }
}

/** What starts the router of a set-up. */
interface Setup {
  /** Without `ROUTER_CONFIG`. */
  readonly environment: Readonly<Record<string, string>>
  /** The path of the configuration file on this machine. */
  readonly config: string | undefined
}

/** The part of a compose file that is read. */
interface Compose {
  readonly services: Readonly<Record<string, Service>>
}

interface Service {
  readonly environment?: Readonly<Record<string, string>>
  /** Such as `./from:/to:ro`. */
  readonly volumes?: readonly string[]
}

/** The part of a Deployment that is read. */
interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly env?: readonly Variable[] }[] }
    }
  }
}

interface Variable {
  readonly name: string
  readonly value: string
}

/** Each kind of set-up, by the file that starts it. */
const READERS: readonly (readonly [file: string, read: (path: string) => Promise<Setup>])[] = [
  ['compose.yaml', readCompose],
  ['compose.override.yaml', readCompose],
  ['base/deployment.yaml', readDeployment],
  ['immich-ml-router.service', readUnit],
]

async function readSetup(directory: string): Promise<Setup> {
  for (const [file, read] of READERS) {
    const path = join(directory, file)
    if (existsSync(path)) return read(path)
  }
  throw new Error(`${directory} has none of ${READERS.map(([file]) => file).join(', ')}.`)
}

async function readCompose(path: string): Promise<Setup> {
  const { services }: Compose = parse(await readFile(path, 'utf8'))
  const { environment = {}, volumes = [] } = services['router'] ?? services['immich-ml-router'] ?? {}
  const { ROUTER_CONFIG = '/config/router.yaml', ...rest } = environment
  const mounts = volumes.map((volume) => volume.split(':'))
  const [source] = mounts.find(([, target]) => target === dirname(ROUTER_CONFIG)) ?? []
  const config = source === undefined ? undefined : resolve(dirname(path), source, basename(ROUTER_CONFIG))
  return { environment: rest, config }
}

async function readDeployment(path: string): Promise<Setup> {
  const { spec }: Deployment = parse(await readFile(path, 'utf8'))
  const [router] = spec.template.spec.containers
  const environment = Object.fromEntries((router?.env ?? []).map(({ name, value }) => [name, value]))
  return { environment, config: join(dirname(path), 'router.yaml') }
}

/** Without variables that systemd expands. */
async function readUnit(path: string): Promise<Setup> {
  const variables = (await readFile(path, 'utf8')).matchAll(/^Environment=(\w+)=([^%\n]+)$/gm)
  const environment = Object.fromEntries([...variables].map(([, name = '', value = '']) => [name, value]))
  return { environment, config: join(dirname(path), 'router.yaml') }
}

function replaceServers(text: string, servers: StubServers): string {
  const document = parseDocument(text)
  const backends = document.get('backends')
  if (!isMap(backends)) throw new Error('The configuration has no backends.')
  for (const { key } of backends.items) {
    const url = [key, 'url']
    const configuredUrl = String(backends.getIn(url))
    // A URL from a variable is replaced in the environment.
    if (!configuredUrl.includes('${')) {
      const found = stubUrl(configuredUrl, servers)
      // Discovery needs a host name, not an IP address.
      backends.setIn(url, backends.hasIn([key, 'discover']) ? found.replace('127.0.0.1', 'localhost') : found)
    }
    if (!backends.hasIn([key, 'wake'])) continue
    backends.setIn([key, 'wake', 'broadcast'], '127.0.0.1')
    backends.setIn([key, 'wake', 'port'], servers.wakePort)
  }
  return document.toString()
}

/** Replaces the address in a URL by that of the stub server and keeps user name, password and path. */
function stubUrl(text: string, { urls }: StubServers): string {
  const url = new URL(text)
  const address = urls[url.host]
  if (address === undefined)
    throw new Error(`no stub server for ${url.host}; add it to examples/setups/src/setups.ts`)
  const { protocol, host } = new URL(address)
  const credentials = url.username === '' ? '' : `${url.username}:${url.password}@`
  return `${protocol}//${credentials}${host}${url.pathname.replace(/\/$/, '')}`
}
