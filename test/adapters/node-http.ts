import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRouter } from '@immich-ml-router/core'
import type { AdapterUnderTest } from './adapter.ts'

export const nodeHttp: AdapterUnderTest = {
  name: 'node:http',
  mount(options, { before, beside } = {}) {
    const router = createRouter({ hold: false, ...options })
    const second = beside && createRouter({ hold: false, ...beside })
    const app = (_req: IncomingMessage, res: ServerResponse) => res.writeHead(418).end('not ours')
    return {
      router,
      listener: (req, res) => {
        if (before === 'sets-header') res.setHeader('x-app', 'mine')
        router.handle(req, res, () => (second ? second.handle(req, res, () => app(req, res)) : app(req, res)))
      },
    }
  },
  compose: { lackingBecause: 'plain node:http has no middleware; createRouter() is the whole of it' },
  prefixes: { lackingBecause: 'plain node:http has no mounting' },
  bodyParsers: { lackingBecause: 'plain node:http has no body parsers' },
}
