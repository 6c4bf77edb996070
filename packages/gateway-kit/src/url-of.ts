import { isWildcard } from './own-url.ts'

/**
 * The URL of a server on this machine.
 *
 * @param host The address that it listens on; `undefined` for every address.
 * @param everyAddress The host of the URL if it listens on every address.
 */
export function urlOf(host: string | undefined, port: number, everyAddress: string): string {
  const shown = host === undefined || isWildcard(host) ? everyAddress : host
  return `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`
}
