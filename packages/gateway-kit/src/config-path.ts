import { statSync } from 'node:fs'
import type { Environment } from './environment.ts'

/**
 * The path of the configuration file: `ROUTER_CONFIG`, or else, if no variable names a backend, `ROUTER_CONFIG_DEFAULT` if
 * that file exists. The image sets the latter, so that a mounted file or the variables alone are enough.
 */
export function configPath(env: Environment): string | undefined {
  if (env['ROUTER_CONFIG']) return env['ROUTER_CONFIG']
  if (env['ML_TEXT_URL'] || env['ML_IMAGE_URL'] || env['ML_DEFAULT_URL']) return undefined
  const standard = env['ROUTER_CONFIG_DEFAULT']
  return standard && exists(standard) ? standard : undefined
}

/** A file that must not be read exists as well: reading it then says why it cannot be used. */
function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return true
  }
}
