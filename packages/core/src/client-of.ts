import type { IncomingMessage } from 'node:http'

/** What an IPv4 address begins with at a server that listens to IPv6 as well, as one does by default (RFC 4291). */
const MAPPED = '::ffff:'

/** The address of the connection that a request came on, as its client would write it; `undefined` where that has ended. */
export function clientOf({ socket }: Pick<IncomingMessage, 'socket'>): string | undefined {
  const { remoteAddress } = socket
  return remoteAddress?.startsWith(MAPPED) && remoteAddress.includes('.')
    ? remoteAddress.slice(MAPPED.length)
    : remoteAddress
}
