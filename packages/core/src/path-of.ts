import type { IncomingMessage } from 'node:http'

/** The path that was asked for; a proxy's client names the whole URL (RFC 9112 section 3.2.2). */
export function pathOf({ url = '' }: IncomingMessage): string | undefined {
  const target = url.startsWith('/') || !URL.canParse(url) ? url : new URL(url).pathname
  return target.split('?', 1)[0]
}
