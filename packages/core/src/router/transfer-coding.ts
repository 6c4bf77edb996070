import type { IncomingMessage } from 'node:http'
import { RouterError } from '../errors.ts'

/**
 * Refuses a body with a transfer coding besides `chunked`, the only one that Node undoes: forwarded as it is, the backend
 * would read the coded bytes as the body (RFC 9112 section 6.1).
 *
 * @throws {RouterError} when there is one.
 */
export function refuseTransferCodings({ headers }: IncomingMessage): void {
  const value = headers['transfer-encoding']
  if (value === undefined || value === 'chunked') return
  const codings = value.split(',').flatMap((coding) => coding.trim().toLowerCase() || [])
  if (codings.length === 1 && codings[0] === 'chunked') return
  throw new RouterError(
    'unsupported-transfer-coding',
    `The request body has the Transfer-Encoding "${value}". Send it with Content-Length, or with "chunked" alone.`,
  )
}
