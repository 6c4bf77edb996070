import type { RouterOptions } from '@immich-ml-router/core'
import { immichMlRouter } from '@immich-ml-router/express'
import express from 'express'

/** The whole application: the router, and Express's own 404 for what is not the router's. */
export function makeApp(options: RouterOptions) {
  const app = express()
  app.disable('x-powered-by')
  const middleware = immichMlRouter(options)
  app.use(middleware)
  return { listener: app, router: middleware.router }
}
