import type { ConfigProblem, RouterConfig } from '@immich-ml-router/core'
import {
  type ConfiguredOptions,
  type Environment,
  type GatewayConfig,
  MissingConfigError,
  readOptions,
  readSettings,
  withStateFiles,
} from '@immich-ml-router/gateway-kit'

/**
 * Reads the configuration of this gateway.
 *
 * @param file Path of the configuration file. Default: the variable `ROUTER_CONFIG`.
 * @throws {MissingConfigError} if no backend is configured.
 * @throws {Error} if a variable or the file is invalid, or needs what only a program of the user's own has.
 */
export async function configure(env: Environment, file?: string): Promise<GatewayConfig> {
  const settings = readSettings(env)
  const { show: _, ...configured } = await configureOptions(env, file)
  return withStateFiles(env, { ...settings, ...configured })
}

/** Reads the part of the configuration that may be in a file; see {@link configure}. */
export async function configureOptions(env: Environment, file?: string): Promise<ConfiguredOptions> {
  const configured = await readOptions(env, { path: file, check: transportProblems })
  if (configured === undefined) throw new MissingConfigError(env, [WAY])
  return configured
}

const WAY = 'a file           immich-ml-router router.yaml   ("immich-ml-router init" writes one)'

function transportProblems({ transport }: RouterConfig): ConfigProblem[] {
  if (transport !== 'http-proxy-3') return []
  const message =
    'is http-proxy-3, which this gateway does not contain, because only code can use its events; remove transport, or set it to direct'
  return [{ path: 'transport', message }]
}
