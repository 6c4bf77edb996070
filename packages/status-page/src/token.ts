import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Whether a request has the token, compared in constant time so that its duration does not reveal a correct prefix. */
export function hasToken({ headers }: Pick<IncomingMessage, 'headers'>, token: string): boolean {
  const [, given] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? []
  return given !== undefined && timingSafeEqual(digest(given), digest(token))
}

/** `timingSafeEqual` needs two inputs of the same length. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
