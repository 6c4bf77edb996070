import type { IncomingMessage } from 'node:http'

/** The path that was asked for; a proxy's client names the whole URL (RFC 9112 section 3.2.2). */
export function pathOf({ url = '' }: IncomingMessage): string | undefined {
  const target = url.startsWith('/') || !URL.canParse(url) ? url : new URL(url).pathname
  return target.split('?', 1)[0]
}

/**
 * The path that was asked for, below a base path without a slash at its end.
 *
 * @returns `undefined` when it is not below.
 */
export function pathBelow(base: string, req: IncomingMessage): string | undefined {
  const path = pathOf(req)
  if (base === '' || path === undefined) return path
  if (path === base) return '/'
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined
}
