import { createRequire } from 'node:module'
import { classifyPredict, forward, immichMlRouter, selectBackend } from '@immich-ml-router/express'
import type express from 'express'
import type { AdapterUnderTest } from './adapter.ts'

const require = createRequire(import.meta.url)

export function expressAdapter(name: string, specifier: 'express4' | 'express5'): AdapterUnderTest {
  const makeApp: typeof express = require(specifier)
  return {
    name,
    mount(options, { prefix, before, beside } = {}) {
      const app = makeApp()
      if (before === 'keeps-body') app.use(makeApp.raw({ type: 'multipart/form-data', limit: '64mb' }))
      if (before === 'eats-body') app.use(makeApp.text({ type: () => true, limit: '64mb' }))
      if (before === 'sets-header') {
        app.use((_req, res, next) => {
          res.setHeader('x-app', 'mine')
          next()
        })
      }
      if (before === 'classifies') app.post('/predict', classifyPredict(), (_req, _res, next) => next())
      const middleware = immichMlRouter({ hold: false, ...options })
      if (prefix === undefined) app.use(middleware)
      else app.use(prefix, middleware)
      if (beside !== undefined) app.use(immichMlRouter(beside))
      app.use((_req, res) => void res.status(418).send('not ours'))
      return { listener: app, router: middleware.router }
    },
    compose({ policy, environment, classify, forward: options, afterClassify, beforeForward }) {
      const app = makeApp()
      const last = forward(options)
      const selecting = selectBackend({ hold: false, ...policy }, environment)
      app.post(
        '/predict',
        classifyPredict(classify),
        (req, _res, next) => {
          if (req.immichMl) afterClassify?.(req.immichMl)
          next()
        },
        selecting,
        (req, res, next) => {
          if (req.immichMl && beforeForward?.(req.immichMl)) res.status(403).json({ detail: 'not today' })
          else next()
        },
        last,
      )
      return { listener: app, reload: selecting.reload, close: () => last.close() }
    },
    steps(options, { count, afterClassify, afterSelect }) {
      const app = makeApp()
      const ml = immichMlRouter({ hold: false, ...options })
      app.use(classifyPredict(ml))
      app.use((req, res, next) => {
        const run = async () => req.immichMl !== undefined && (await afterClassify?.(req.immichMl)) === true
        run().then(
          (isAnswered) => (isAnswered ? void res.status(403).json({ detail: 'not today' }) : next()),
          next,
        )
      })
      if (count > 1) app.use(selectBackend(ml))
      app.use((req, _res, next) => {
        const run = async () => req.immichMl && afterSelect?.(req.immichMl)
        run().then(() => next(), next)
      })
      if (count > 2) app.use(forward(ml))
      app.use(ml)
      app.use((_req, res) => void res.status(418).send('not ours'))
      return { listener: app, router: ml.router }
    },
    prefixes: true,
    bodyParsers: true,
  }
}
