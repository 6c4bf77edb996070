import { type Environment, readSettings } from '@immich-ml-router/gateway-kit'

/** The URL of a gateway on this machine with these variables. */
export function localUrl(env: Environment): string {
  const { host, port } = readSettings(env)
  const isWildcard = host === undefined || host === '0.0.0.0' || host === '::'
  return `http://${isWildcard ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`
}

/**
 * The URL of a gateway on the command line, where `http://` may be missing.
 *
 * @throws {Error} if it is not a URL.
 */
export function gatewayUrl(text: string): URL {
  const url = /^https?:\/\//.test(text) ? text : `http://${text}`
  if (!URL.canParse(url)) throw new Error(`"${text}" is not a URL such as http://gateway:3003`)
  return new URL(url)
}
