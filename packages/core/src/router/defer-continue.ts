import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Server as TlsServer } from 'node:https'

/**
 * Has a server send `100 Continue` when the body of a request is first read. By itself, Node sends it before any handler
 * has seen the request: a client with `Expect: 100-continue` then uploads a body that the router refuses by its head.
 *
 * It works for the whole application: what reads a body gets it, whether that is the router or another middleware.
 *
 * @example
 * ```ts
 * import http from 'node:http'
 * import { deferContinue } from '@immich-ml-router/core'
 *
 * const server = http.createServer()
 * deferContinue(server)
 * server.listen(3003)
 * ```
 * @throws {Error} when the server has a `checkContinue` listener, which would handle each such request as well.
 */
export function deferContinue(server: Server | TlsServer): void {
  if (server.listenerCount('checkContinue') > 0)
    throw new Error(
      'deferContinue(): the server has a "checkContinue" listener; remove it, or leave out deferContinue().',
    )
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    continueOnRead(req, res)
    server.emit('request', req, res)
  })
}

function continueOnRead(req: IncomingMessage, res: ServerResponse): void {
  const read = req._read
  // Node calls it for the first byte that is asked for, however the body is read; it also drops what is left unread.
  req._read = (size) => {
    req._read = read
    if (!res.headersSent && !res.destroyed) res.writeContinue()
    read.call(req, size)
  }
}
