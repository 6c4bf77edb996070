import type { RouterOptions } from '@immich-ml-router/core'
import { immichMlRouter } from '@immich-ml-router/express'
import express from 'express'

/** Creates the application: the router, and 404 for every other path. */
export function makeApp(options: RouterOptions) {
  const app = express()
  app.disable('x-powered-by')
  const middleware = immichMlRouter(options)
  app.use(middleware)
  // Without this handler, Express reads the whole upload before it answers with 404.
  app.use((_req, res) => void res.sendStatus(404))
  return { listener: app, router: middleware.router }
}
