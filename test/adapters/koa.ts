import { createRequire } from 'node:module'
import { buffer } from 'node:stream/consumers'
import { classifyPredict, forward, immichMlRouter, selectBackend } from '@immich-ml-router/koa'
import type Koa from 'koa'
import mount from 'koa-mount'
import type { AdapterUnderTest } from './adapter.ts'

const require = createRequire(import.meta.url)

export function koaAdapter(name: string, specifier: 'koa2' | 'koa3'): AdapterUnderTest {
  const KoaApp: typeof Koa = require(specifier)
  return {
    name,
    mount(options, { prefix, before, beside } = {}) {
      const app = new KoaApp()
      const afterNext: { finished: boolean }[] = []
      app.use(async (ctx, next) => {
        if (before === 'sets-header') ctx.set('x-app', 'mine')
        if (before === 'keeps-body') Object.assign(ctx.req, { rawBody: await buffer(ctx.req) })
        if (before === 'eats-body') Object.assign(ctx.req, { body: (await buffer(ctx.req)).toString() })
        await next()
        afterNext.push({ finished: ctx.res.writableFinished })
      })
      if (before === 'classifies') {
        app.use(classifyPredict())
        app.use((_ctx, next) => next())
      }
      const middleware = immichMlRouter({ hold: false, ...options })
      app.use(prefix === undefined ? middleware : mount(prefix, middleware))
      if (beside !== undefined) app.use(immichMlRouter(beside))
      app.use((ctx) => {
        ctx.status = 418
        ctx.body = 'not ours'
      })
      return { listener: app.callback(), router: middleware.router, afterNext }
    },
    compose({ policy, environment, classify, forward: options, afterClassify, beforeForward }) {
      const app = new KoaApp()
      const last = forward(options)
      const selecting = selectBackend({ hold: false, ...policy }, environment)
      app.use(classifyPredict(classify))
      app.use((ctx, next) => {
        if (ctx.state.immichMl) afterClassify?.(ctx.state.immichMl)
        return next()
      })
      app.use(selecting)
      app.use((ctx, next) => {
        if (!ctx.state.immichMl || !beforeForward?.(ctx.state.immichMl)) return next()
        ctx.status = 403
        ctx.body = { detail: 'not today' }
        return undefined
      })
      app.use(last)
      return { listener: app.callback(), reload: selecting.reload, close: () => last.close() }
    },
    steps(options, { count, afterClassify, afterSelect }) {
      const app = new KoaApp()
      app.silent = true
      const ml = immichMlRouter({ hold: false, ...options })
      app.use(classifyPredict(ml))
      app.use(async (ctx, next) => {
        if (!ctx.state.immichMl || !(await afterClassify?.(ctx.state.immichMl))) return next()
        ctx.status = 403
        ctx.body = { detail: 'not today' }
      })
      if (count > 1) app.use(selectBackend(ml))
      app.use(async (ctx, next) => {
        if (ctx.state.immichMl) await afterSelect?.(ctx.state.immichMl)
        return next()
      })
      if (count > 2) app.use(forward(ml))
      app.use(ml)
      app.use((ctx) => {
        ctx.status = 418
        ctx.body = 'not ours'
      })
      return { listener: app.callback(), router: ml.router }
    },
    prefixes: true,
    bodyParsers: true,
  }
}
