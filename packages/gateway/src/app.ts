import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRouter } from '@immich-ml-router/core'
import type { MakeApp } from '@immich-ml-router/gateway-kit'

/** Creates the application of the gateway, on node:http alone: the router answers every other path with 404. */
export const makeApp: MakeApp = (options) => {
  const router = createRouter(options)
  return { router, listener: (req: IncomingMessage, res: ServerResponse) => router.handle(req, res) }
}
