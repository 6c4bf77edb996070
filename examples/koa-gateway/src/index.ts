import type { RouterOptions } from '@immich-ml-router/core'
import { immichMlRouter } from '@immich-ml-router/koa'
import Koa from 'koa'

/** Creates the application: the router, and Koa's 404 for every other path. */
export function makeApp(options: RouterOptions) {
  const app = new Koa()
  const middleware = immichMlRouter(options)
  app.use(middleware)
  return { listener: app.callback(), router: middleware.router }
}
