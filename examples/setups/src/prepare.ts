import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMap, parse, parseDocument } from 'yaml'

const EXAMPLES = fileURLToPath(new URL('../..', import.meta.url))

/** What node is called with, and where. */
export interface Program {
  readonly cwd: string
  readonly args: readonly string[]
}

/** A set-up whose servers are stand-ins, and nothing else is changed. */
export interface Prepared {
  readonly program: Program
  /** What its compose file or its Deployment sets, but for `ROUTER_CONFIG`. */
  readonly environment: Readonly<Record<string, string>>
  /** The text of its configuration file, if it has one. */
  readonly config: string | undefined
}

export interface StandInServers {
  /** The URL of a stand-in for each host of the set-up, as `name:port`. */
  readonly urls: Readonly<Record<string, string>>
  /** The port of this machine to which Wake-on-LAN packets go. */
  readonly wakePort?: number | undefined
}

/**
 * Reads a set-up, such as `sleeping-gpu` or `embedding/koa`, and puts stand-ins in the place of its servers.
 *
 * @throws {Error} when a server has no stand-in: nothing that is started here may reach a real one.
 */
export async function prepare(name: string, servers: StandInServers): Promise<Prepared> {
  const embedded = name.startsWith('embedding/')
  const directory = join(EXAMPLES, embedded ? name : join('setups', name))
  const { ROUTER_CONFIG, ...environment } = await readEnvironment(directory)
  return {
    program: embedded ? embeddingProgram(directory) : gatewayProgram(),
    environment: Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [
        key,
        key.endsWith('_URL') ? standIn(value, servers) : value,
      ]),
    ),
    config:
      ROUTER_CONFIG === undefined
        ? undefined
        : replaceServers(await readFile(ROUTER_CONFIG, 'utf8'), servers),
  }
}

function gatewayProgram(): Program {
  return { cwd: dirname(EXAMPLES), args: ['examples/express-gateway/src/main.ts'] }
}

function embeddingProgram(directory: string): Program {
  // Nest's decorators are beyond what Node runs by itself.
  const loader = directory.endsWith('nestjs') ? ['--import', 'tsx'] : []
  return { cwd: directory, args: [...loader, 'main.ts'] }
}

/** What is read of a compose file. */
interface Compose {
  readonly services: {
    readonly router: {
      readonly environment: Readonly<Record<string, string>>
      /** As `./from:/to:ro`. */
      readonly volumes?: readonly string[]
    }
  }
}

/** What is read of a Deployment. */
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

/** The router's variables, with the path that `ROUTER_CONFIG` has on this side of the container. */
async function readEnvironment(directory: string): Promise<Readonly<Record<string, string>>> {
  const file = join(directory, 'compose.yaml')
  if (!existsSync(file)) return readDeployment(join(directory, 'base'))
  const compose: Compose = parse(await readFile(file, 'utf8'))
  const { environment, volumes = [] } = compose.services.router
  const { ROUTER_CONFIG } = environment
  if (ROUTER_CONFIG === undefined) return environment
  const [source] = volumes.map((volume) => volume.split(':')).find(([, to]) => to === ROUTER_CONFIG) ?? []
  if (source === undefined) throw new Error(`${file} mounts nothing at ${ROUTER_CONFIG}.`)
  return { ...environment, ROUTER_CONFIG: resolve(directory, source) }
}

async function readDeployment(base: string): Promise<Readonly<Record<string, string>>> {
  const { spec }: Deployment = parse(await readFile(join(base, 'deployment.yaml'), 'utf8'))
  const [router] = spec.template.spec.containers
  const environment = Object.fromEntries((router?.env ?? []).map(({ name, value }) => [name, value]))
  return { ...environment, ROUTER_CONFIG: join(base, 'router.yaml') }
}

function replaceServers(text: string, servers: StandInServers): string {
  const document = parseDocument(text)
  const backends = document.get('backends')
  if (!isMap(backends)) throw new Error('The configuration has no backends.')
  for (const { key } of backends.items) {
    const url = [key, 'url']
    const written = String(backends.getIn(url))
    // That of a variable is replaced there.
    if (!written.includes('${')) {
      const found = standIn(written, servers)
      // What is resolved is a name.
      backends.setIn(url, backends.hasIn([key, 'discover']) ? found.replace('127.0.0.1', 'localhost') : found)
    }
    if (!backends.hasIn([key, 'wake'])) continue
    backends.setIn([key, 'wake', 'broadcast'], '127.0.0.1')
    backends.setIn([key, 'wake', 'port'], servers.wakePort)
  }
  return document.toString()
}

/** The URL with the stand-in's address; its user name, password and path stay. */
function standIn(text: string, { urls }: StandInServers): string {
  const url = new URL(text)
  const address = urls[url.host]
  if (address === undefined) throw new Error(`There is no stand-in for ${url.host}.`)
  const { protocol, host } = new URL(address)
  const credentials = url.username === '' ? '' : `${url.username}:${url.password}@`
  return `${protocol}//${credentials}${host}${url.pathname.replace(/\/$/, '')}`
}
