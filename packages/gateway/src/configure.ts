import {
  type ConfiguredOptions,
  type Environment,
  type GatewayConfig,
  MissingConfigError,
  readOptions,
  readSettings,
} from '@immich-ml-router/gateway-kit'

/**
 * Reads the configuration of this gateway.
 *
 * @param file Path of the configuration file. Default: the variable `ROUTER_CONFIG`.
 * @throws {MissingConfigError} if no backend is configured.
 * @throws {Error} if a variable or the file is invalid, or needs what only a program of the user's own has.
 */
export async function configure(env: Environment, file?: string): Promise<GatewayConfig> {
  return { ...readSettings(env), ...(await configureOptions(env, file)) }
}

/** Reads the part of the configuration that may be in a file; see {@link configure}. */
export async function configureOptions(env: Environment, file?: string): Promise<ConfiguredOptions> {
  const configured = await readOptions(env, { path: file })
  if (configured === undefined) throw new MissingConfigError(env)
  if (configured.options.transport === 'http-proxy-3')
    throw new Error(
      `${configured.file?.path}: transport: the gateway does not contain http-proxy-3, whose events only code can use; remove "transport" or set it to direct.`,
    )
  return configured
}
