/**
 * The parts of a gateway: configuration from variables or a file, reload, metrics, status page, logs and signals, around an
 * application of your own.
 *
 * @module gateway-kit
 */

// The first import, because it checks the version of Node.
import '@immich-ml-router/core'

export {
  type ConfigFile,
  type ConfiguredOptions,
  configFromVariables,
  type GatewayConfig,
  type ReadOptions,
  readConfig,
  readOptions,
  readSettings,
} from './config.ts'
export { ConfigFileError, type FileMistake } from './config-file/config-file-error.ts'
export type { Environment } from './environment.ts'
export { createHttpServer } from './http-server.ts'
export { logDestination, makeLogger } from './log.ts'
export { MissingConfigError } from './missing-config.ts'
export { DEFAULT_PORT, ownUrlProblems } from './own-url.ts'
export { type RunOptions, runGateway } from './run.ts'
export { type Gateway, type MakeApp, type StartOptions, startGateway } from './server.ts'
export { withStateFiles } from './status-page.ts'
export { urlOf } from './url-of.ts'
