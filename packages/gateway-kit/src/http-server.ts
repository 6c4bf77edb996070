import http, { type RequestListener, type Server } from 'node:http'
import { deferContinue } from '@immich-ml-router/core'
import { inTurn } from './in-turn.ts'

/** Creates the HTTP server of a gateway. It does not listen yet. */
export function createHttpServer(listener: RequestListener): Server {
  const server = http.createServer(inTurn(listener))
  // The router has its own timeout for idle uploads. Node would answer an upload that the router has paused with 408 after
  // 300 s. As an option of createServer(), 0 would also turn off headersTimeout.
  server.requestTimeout = 0
  deferContinue(server)
  return server
}
