import { type Environment, readSettings, urlOf } from '@immich-ml-router/gateway-kit'

/** The URL of a gateway on this machine with these variables. */
export function localUrl(env: Environment): string {
  const { host, port } = readSettings(env)
  return urlOf(host, port, '127.0.0.1')
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
