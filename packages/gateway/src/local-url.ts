import { type Environment, readSettings } from '@immich-ml-router/gateway-kit'

/** The URL of a gateway on this machine with these variables. */
export function localUrl(env: Environment): string {
  const { host, port } = readSettings(env)
  const isWildcard = host === undefined || host === '0.0.0.0' || host === '::'
  return `http://${isWildcard ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`
}
