import type { IncomingMessage } from 'node:http'

/** Prefix of an IPv4 address on a server that also listens to IPv6, which is the default (RFC 4291). */
const MAPPED = '::ffff:'

/** The client's address, IPv4 in the usual form; `undefined` if the connection has ended. */
export function clientOf({ socket }: Pick<IncomingMessage, 'socket'>): string | undefined {
  const { remoteAddress } = socket
  return remoteAddress?.startsWith(MAPPED) && remoteAddress.includes('.')
    ? remoteAddress.slice(MAPPED.length)
    : remoteAddress
}
