import { readFile } from 'node:fs/promises'
import {
  ConfigError,
  type ConfigProblem,
  expandConfig,
  parseConfig,
  type RouterConfig,
} from '@immich-ml-router/core'
import { parseDuration, problemText, resolveExchangeOptions } from '@immich-ml-router/core/parts'
import type { StatusPageOptions } from '@immich-ml-router/status-page'
import { commandProblems } from './command-problems.ts'
import { ConfigFileError, mistakeText } from './config-file/config-file-error.ts'
import { ConfigText } from './config-file/config-text.ts'
import { configPath } from './config-path.ts'
import type { Environment } from './environment.ts'
import { MissingConfigError } from './missing-config.ts'
import { DEFAULT_PORT, ownUrlProblems } from './own-url.ts'
import { readStatusPage, withStateFiles } from './status-page.ts'

/** The settings of a gateway. */
export interface GatewayConfig {
  readonly options: RouterConfig
  readonly port: number
  /** The address to listen on. Default: every address of the machine. */
  readonly host?: string | undefined
  /** A socket inherited from the supervisor, which replaces the port. */
  readonly socket?: { readonly fd: number } | undefined
  /** How long running requests may continue after the signal to stop, in milliseconds. */
  readonly drainTimeout?: number | undefined
  /** A separate port for `GET /metrics`. Default: the same port. */
  readonly metricsPort?: number | undefined
  /** The source of the options, in words. */
  readonly source: string
  /** The configuration file, if there is one. The gateway reloads it when it changes. */
  readonly file?: ConfigFile | undefined
  /** Options of the status page. Default: no status page. */
  readonly statusPage?: StatusPageOptions | undefined
  /** File for what `recycle` has counted. Default: none, so it counts from the start of the gateway. */
  readonly recycleFile?: string | undefined
}

/** A configuration file. */
export interface ConfigFile {
  readonly path: string
  /** Reads the file and every file that it refers to. */
  readonly read: () => Promise<RouterConfig>
}

/** The configured options and their source. */
export interface ConfiguredOptions extends Pick<GatewayConfig, 'options' | 'source' | 'file'> {
  /** Shows a warning or mistake: with its place and an excerpt of the file, or the variable. */
  readonly show: (problem: ConfigProblem) => string
}

/** How {@link readConfig} reads the configuration. */
export interface ReadOptions {
  /** Path of the configuration file. Default: the variable `ROUTER_CONFIG`. */
  readonly path?: string | undefined
  /** Finds further mistakes in valid options. Default: none. */
  readonly check?: ((options: RouterConfig) => readonly ConfigProblem[]) | undefined
}

/**
 * Reads the settings of a gateway from environment variables:
 *
 * - `PORT`, `HOST`, `METRICS_PORT` and `DRAIN_TIMEOUT`;
 * - `STATUS_PAGE`, `ADMIN_TOKEN`, `STATUS_PAGE_HOSTS` and `HISTORY_FILE` for the status page;
 * - `ROUTER_CONFIG`, the path of a YAML or JSON file, or else `ML_TEXT_URL`, `ML_IMAGE_URL`, `ML_DEFAULT_URL` and
 *   `MAX_BODY_SIZE`, or else `ROUTER_CONFIG_DEFAULT`, the path of a file that may be missing.
 *
 * @param env Variables by name. Default: `process.env`.
 * @throws {MissingConfigError} if no backend is configured.
 * @throws {Error} if a variable or the file is invalid, with every mistake in its message.
 *
 * @example
 * ```ts
 * import { readConfig } from '@immich-ml-router/gateway-kit'
 *
 * const config = await readConfig(process.env, { path: 'router.yaml' })
 * console.log(config.port, config.source)
 * ```
 */
export async function readConfig(
  env: Environment = process.env,
  options: ReadOptions = {},
): Promise<GatewayConfig> {
  const settings = readSettings(env)
  const configured = await readOptions(env, options)
  if (configured === undefined) throw new MissingConfigError(env)
  const { show: _, ...config } = configured
  return withStateFiles(env, { ...settings, ...config })
}

/** Reads what only variables can configure: where to listen, when to stop, and the status page. */
export function readSettings(env: Environment): Omit<GatewayConfig, 'options' | 'source' | 'file'> {
  return { ...readPorts(env), drainTimeout: readDrainTimeout(env), statusPage: readStatusPage(env) }
}

/**
 * Reads the part of the configuration that may be in a file; see {@link readConfig}.
 *
 * @returns `undefined` if no backend is configured.
 * @throws {ConfigFileError} with every mistake in the file and its place.
 * @throws {ConfigError} with every mistake in the variables.
 */
export async function readOptions(
  env: Environment,
  { path = configPath(env), check = () => [] }: ReadOptions = {},
): Promise<ConfiguredOptions | undefined> {
  if (path) {
    const read = () => readFileConfig(path, env, check)
    const { options, show } = await read()
    const file = { path, read: async () => (await read()).options }
    return { source: `the file ${path}`, file, options, show }
  }
  if (env['ML_TEXT_URL'] || env['ML_IMAGE_URL'] || env['ML_DEFAULT_URL']) {
    const options = withTransport(configFromVariables(env))
    const problems = [...ownUrlProblems(options, env), ...check(options)].map(withVariable)
    if (problems.length > 0) throw new ConfigError(problems)
    return {
      source: 'ML_TEXT_URL, ML_IMAGE_URL, ML_DEFAULT_URL',
      options,
      show: (problem) => problemText(withVariable(problem)),
    }
  }
  return undefined
}

/** A gateway has no listeners on http-proxy-3, so it does not load it. */
function withTransport(options: RouterConfig): RouterConfig {
  return { transport: 'direct', ...options }
}

/**
 * The routing of immich-ml-proxy-nginx: text to one backend, images to another, the rest to the default. The default also
 * replaces a missing backend. Without a default, the rest goes to the image backend.
 */
export function configFromVariables(env: Environment): RouterConfig {
  const { ML_TEXT_URL: text, ML_IMAGE_URL: image, ML_DEFAULT_URL: other, MAX_BODY_SIZE: size } = env
  const fallback = other || image || text
  return parseVariables({
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
    // In immich-ml-proxy-nginx this is nginx's client_max_body_size, where 0 means no limit.
    ...(size ? { maxBodySize: /^0+[a-z]*$/i.test(size) ? 'unlimited' : size } : {}),
    upstreamHeader: 'X-Upstream',
  })
}

/** The variable of each option, for error messages. */
const VARIABLE_OF: Readonly<Record<string, string>> = {
  'backends.text.url': 'ML_TEXT_URL',
  'backends.image.url': 'ML_IMAGE_URL',
  'backends.default.url': 'ML_DEFAULT_URL',
  maxBodySize: 'MAX_BODY_SIZE',
}

function parseVariables(config: unknown): RouterConfig {
  try {
    return parseConfig(config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(error.problems.map(withVariable))
  }
}

function withVariable(problem: ConfigProblem): ConfigProblem {
  return { ...problem, path: VARIABLE_OF[problem.path] ?? problem.path }
}

async function readFileConfig(
  path: string,
  env: Environment,
  check: NonNullable<ReadOptions['check']>,
): Promise<Pick<ConfiguredOptions, 'options' | 'show'>> {
  const file = new ConfigText(path, await readText(path))
  const expanded = expandConfig(file.data, { env })
  const refuse = (problems: readonly ConfigProblem[], cause?: unknown) => {
    const located = problems.map((problem) => file.locate(problem))
    return new ConfigFileError(path, located, { cause })
  }
  const own = ownUrlProblems(expanded.data(), env)
  let options: RouterConfig
  try {
    options = withTransport(parseConfig(expanded))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw refuse([...error.problems, ...own], error)
  }
  const problems = [
    ...own,
    ...spoolProblems(options),
    ...(await commandProblems(path, options)),
    ...check(options),
  ]
  if (problems.length > 0) throw refuse(problems)
  return { options, show: (problem) => mistakeText(file.locate(problem)) }
}

/** Checks that the directory for temporary files is writable on this machine. */
function spoolProblems({ bodySpool }: RouterConfig): readonly ConfigProblem[] {
  try {
    resolveExchangeOptions({ bodySpool })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** Bytes of a configuration file. Parsing a deeply nested one takes memory: 850 MB for 1.2 MB. */
const LARGEST_FILE = 262_144

async function readText(path: string): Promise<string> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    throw new Error(`${path} ${unreadable(error)}.`, { cause: error })
  }
  if (bytes.length > LARGEST_FILE)
    throw new Error(
      `${path} has ${bytes.length} bytes, which is more than the limit of ${LARGEST_FILE}; put certificates into files of their own, as "\${file:/path}".`,
    )
  return bytes.toString('utf8')
}

function unreadable(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  switch (code) {
    case 'ENOENT':
      return 'does not exist (ENOENT); check the path, or mount the directory with the file'
    case 'EISDIR':
      return 'is a directory (EISDIR); give the path of the file in it'
    case 'EACCES':
      return 'must not be read by this user (EACCES); change its permissions'
    default:
      return `cannot be read: ${error instanceof Error ? error.message : error}`
  }
}

/** The ports on which a gateway listens. */
export function readPorts(env: Environment): Pick<GatewayConfig, 'port' | 'host' | 'metricsPort'> {
  return {
    port: readPort(env, 'PORT') ?? DEFAULT_PORT,
    host: env['HOST'] || undefined,
    metricsPort: readPort(env, 'METRICS_PORT'),
  }
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
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`${name} must be 0 to 65535, not "${text}".`)
  return port
}
