import type { IncomingMessage } from 'node:http'

/** The origin of a request target in absolute form (RFC 9112 section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?#]*/i

/** The path of a request as sent, without the query. Clients of a proxy send the whole URL. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const isAbsolute = !url.startsWith('/') && ORIGIN.test(url)
  const [path = ''] = (isAbsolute ? url.replace(ORIGIN, '') : url).split('?', 1)
  return isAbsolute && path === '' ? '/' : path
}

/**
 * The path of a request relative to a base path without a trailing slash.
 *
 * @returns `undefined` if the path is not below the base path.
 */
export function pathBelow(base: string, req: IncomingMessage): string | undefined {
  const path = pathOf(req)
  if (base === '') return path
  if (path === base) return '/'
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined
}

/** Prefix of an IPv4 address on a server that also listens to IPv6, which is the default (RFC 4291). */
const MAPPED = '::ffff:'

/** The client's address, IPv4 in the usual form; `undefined` if the connection has ended. */
export function clientOf({ socket }: Pick<IncomingMessage, 'socket'>): string | undefined {
  const { remoteAddress } = socket
  return remoteAddress?.startsWith(MAPPED) && remoteAddress.includes('.')
    ? remoteAddress.slice(MAPPED.length)
    : remoteAddress
}
