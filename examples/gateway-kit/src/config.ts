import { readFile } from 'node:fs/promises'
import {
  ConfigError,
  expandConfig,
  parseConfig,
  parseDuration,
  type RouterConfig,
} from '@immich-ml-router/core'
import type { StatusPageOptions } from '@immich-ml-router/core/status-page'
import { StubMl } from '@immich-ml-router/example-stub-ml'
import { parseDocument } from 'yaml'
import { readStatusPage } from './status-page.ts'

/** What a gateway runs with. */
export interface GatewayConfig {
  readonly options: RouterConfig
  readonly port: number
  /** Where it listens in place of the port: a socket that was handed over. */
  readonly socket?: { readonly fd: number } | undefined
  /** How long running requests may go on when it is told to stop, in milliseconds. */
  readonly drainTimeout?: number | undefined
  /** Where `GET /metrics` is, when not on the same port. */
  readonly metricsPort?: number | undefined
  /** Where the options come from, in words. */
  readonly source: string
  /** The file that they are in, if they are in one: they are read again when it changes. */
  readonly file?: string | undefined
  /** What its status page is like; there is none, when not given. */
  readonly statusPage?: StatusPageOptions | undefined
  /** Stand-in ML servers that were started since no real one is configured; they stop with the gateway. */
  readonly stubs: readonly StubMl[]
}

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Options as they are configured, and where, in words. */
export type ConfiguredOptions = Pick<GatewayConfig, 'options' | 'source' | 'file'>

/**
 * Reads `PORT`, `METRICS_PORT`, `DRAIN_TIMEOUT` and either `ROUTER_CONFIG`, the path of a YAML or JSON file, or the variables of the seed:
 * `ML_TEXT_URL`, `ML_IMAGE_URL`, `ML_DEFAULT_URL`, `MAX_BODY_SIZE`. With neither, stand-in servers are started. `STATUS_PAGE`,
 * `ADMIN_TOKEN` and `STATUS_PAGE_HOSTS` are about the status page.
 */
export async function readConfig(env: Environment): Promise<GatewayConfig> {
  const own = { ...readPorts(env), drainTimeout: readDrainTimeout(env), statusPage: readStatusPage(env) }
  const configured = await readOptions(env)
  if (configured !== undefined) return { ...own, ...configured, stubs: [] }
  const stubs = await Promise.all([5, 50, 20].map((serviceTime) => StubMl.start({ serviceTime })))
  const [text, image, other] = stubs.map(({ url }) => url)
  const options = seedConfig({ ...env, ML_TEXT_URL: text, ML_IMAGE_URL: image, ML_DEFAULT_URL: other })
  return { ...own, source: 'stand-in ML servers, since no real one is configured', options, stubs }
}

/** @returns `undefined` when no ML server is configured. */
export async function readOptions(env: Environment): Promise<ConfiguredOptions | undefined> {
  const path = env['ROUTER_CONFIG']
  if (path) return { source: `the file ${path}`, file: path, options: await readFileConfig(path, env) }
  if (env['ML_TEXT_URL'] || env['ML_IMAGE_URL'] || env['ML_DEFAULT_URL'])
    return { source: 'ML_TEXT_URL, ML_IMAGE_URL, ML_DEFAULT_URL', options: seedConfig(env) }
  return undefined
}

/**
 * The seed's routing: text to one server, images to another, the rest to the default. A server that is not set is the
 * default one, and without a default the rest goes to the image server.
 */
export function seedConfig(env: Environment): RouterConfig {
  const { ML_TEXT_URL: text, ML_IMAGE_URL: image, ML_DEFAULT_URL: other, MAX_BODY_SIZE: size } = env
  const fallback = other || image || text
  return parseSeed({
    backends: {
      ...(text ? { text: { url: text } } : {}),
      ...(image ? { image: { url: image } } : {}),
      ...(other ? { default: { url: other } } : {}),
    },
    routes: [
      ...(text ? [{ match: { input: 'text' }, backends: ['text'] }] : []),
      ...(image ? [{ match: { input: 'image' }, backends: ['image'] }] : []),
      { backends: [fallback === other ? 'default' : fallback === image ? 'image' : 'text'] },
    ],
    // nginx's client_max_body_size, which the seed sets from it, turns the limit off with 0.
    ...(size ? { maxBodySize: /^0+[a-z]*$/i.test(size) ? 'unlimited' : size } : {}),
    upstreamHeader: 'X-Upstream',
  })
}

/** The options that the seed's variables stand for. */
const VARIABLES: Readonly<Record<string, string>> = {
  'backends.text.url': 'ML_TEXT_URL',
  'backends.image.url': 'ML_IMAGE_URL',
  'backends.default.url': 'ML_DEFAULT_URL',
  maxBodySize: 'MAX_BODY_SIZE',
}

function parseSeed(config: unknown): RouterConfig {
  try {
    return parseConfig(config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(error.problems.map((it) => ({ ...it, path: VARIABLES[it.path] ?? it.path })))
  }
}

async function readFileConfig(path: string, env: Environment): Promise<RouterConfig> {
  try {
    return parseConfig(expandConfig(parseYaml(await readFile(path, 'utf8')), { env }))
  } catch (error) {
    throw new Error(`ROUTER_CONFIG=${path}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}

/** JSON is YAML. The messages of the parser show what is written there, which may be secret; these do not. */
function parseYaml(text: string): unknown {
  const document = parseDocument(text)
  const [mistake] = [...document.errors, ...document.warnings]
  if (mistake !== undefined) {
    const [{ line, col } = { line: 1, col: 1 }] = mistake.linePos ?? []
    const what = mistake.code.toLowerCase().replaceAll('_', ' ')
    throw new Error(`is not valid YAML at line ${line}, column ${col} (${what}).`)
  }
  try {
    return document.toJS()
  } catch {
    throw new Error(
      'has an alias (*) without an anchor (&) before it, or too many of them; text with a * needs quotes.',
    )
  }
}

/** Where a gateway listens. */
export function readPorts(env: Environment): Pick<GatewayConfig, 'port' | 'metricsPort'> {
  return { port: readPort(env, 'PORT') ?? 3003, metricsPort: readPort(env, 'METRICS_PORT') }
}

export function readDrainTimeout({ DRAIN_TIMEOUT: text }: Environment): number | undefined {
  if (!text) return undefined
  const timeout = parseDuration(text)
  if (timeout === undefined)
    throw new Error(`DRAIN_TIMEOUT must be a duration such as 8s, 2m or unlimited, not "${text}".`)
  return timeout
}

function readPort(env: Environment, name: string): number | undefined {
  const text = env[name]
  if (!text) return undefined
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`${name} must be 0 to 65535, not "${text}".`)
  return port
}
