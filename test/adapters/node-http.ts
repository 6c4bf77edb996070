import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRouter } from '@immich-ml-router/core'
import { answerError, Exchange, resolveExchangeOptions } from '@immich-ml-router/core/parts'
import type { AdapterUnderTest } from './adapter.ts'

const app = (_req: IncomingMessage, res: ServerResponse) => res.writeHead(418).end('not ours')

export const nodeHttp: AdapterUnderTest = {
  name: 'node:http',
  mount(options, { before, beside } = {}) {
    const router = createRouter({ hold: false, ...options })
    const second = beside && createRouter({ hold: false, ...beside })
    const reading = resolveExchangeOptions()
    return {
      router,
      listener: async (req, res) => {
        if (before === 'sets-header') res.setHeader('x-app', 'mine')
        if (before === 'classifies' && req.method === 'POST')
          return router.handle(req, res, () => app(req, res), await Exchange.begin(req, res, reading))
        return router.handle(req, res, () =>
          second ? second.handle(req, res, () => app(req, res)) : app(req, res),
        )
      },
    }
  },
  steps(options, { count, afterClassify, afterSelect }) {
    const router = createRouter({ hold: false, ...options })
    const run = async (req: IncomingMessage, res: ServerResponse) => {
      const exchange = await router.classify(req, res)
      try {
        await runAfter(req, res, exchange)
      } catch (error) {
        // A body that is still attached stops the upload.
        exchange?.body.destroy()
        throw error
      }
    }
    const runAfter = async (req: IncomingMessage, res: ServerResponse, exchange: Exchange | undefined) => {
      if (exchange && (await afterClassify?.(exchange)))
        return void res.writeHead(403).end('{"detail":"not today"}')
      // A module may have answered.
      if (exchange !== undefined && count > 1 && (await router.select(exchange)) === undefined) return
      if (exchange !== undefined) await afterSelect?.(exchange)
      if (exchange === undefined || count < 3) return router.handle(req, res, () => app(req, res), exchange)
      await router.forward(exchange)
    }
    return {
      router,
      listener: (req, res) => void run(req, res).catch((error) => answerError(res, error)),
    }
  },
  compose: { lackingBecause: 'plain node:http has no middleware; createRouter() is the whole of it' },
  prefixes: { lackingBecause: 'plain node:http has no mounting' },
  bodyParsers: { lackingBecause: 'plain node:http has no body parsers' },
}
