import type { IncomingMessage } from 'node:http'

/** The start of a request target that is a whole URL (RFC 9112 section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?#]*/i

/** The path of a request as it is written, without its query; a proxy's client names the whole URL. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const isAbsolute = !url.startsWith('/') && ORIGIN.test(url)
  const [path = ''] = (isAbsolute ? url.replace(ORIGIN, '') : url).split('?', 1)
  return isAbsolute && path === '' ? '/' : path
}

/**
 * The path that was asked for, below a base path without a slash at its end.
 *
 * @returns `undefined` when it is not below.
 */
export function pathBelow(base: string, req: IncomingMessage): string | undefined {
  const path = pathOf(req)
  if (base === '') return path
  if (path === base) return '/'
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined
}
