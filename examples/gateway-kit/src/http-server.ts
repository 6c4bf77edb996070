import http, { type RequestListener, type Server } from 'node:http'
import { deferContinue } from '@immich-ml-router/core'

/** The HTTP server of a gateway, which does not listen yet. */
export function createHttpServer(listener: RequestListener): Server {
  const server = http.createServer(listener)
  // The router bounds idle uploads itself; Node would answer an upload that the router has paused with 408 after 300 s. As an
  // option of createServer(), it would set headersTimeout to 0 as well: half a request head would stay for ever.
  server.requestTimeout = 0
  deferContinue(server)
  return server
}
