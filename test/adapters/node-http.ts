import { createRouter } from '@immich-ml-router/core'
import type { AdapterUnderTest } from './adapter.ts'

export const nodeHttp: AdapterUnderTest = {
  name: 'node:http',
  mount(options, { before } = {}) {
    const router = createRouter(options)
    return {
      router,
      listener: (req, res) => {
        if (before === 'sets-header') res.setHeader('x-app', 'mine')
        router.handle(req, res, () => res.writeHead(418).end('not ours'))
      },
    }
  },
  compose: { lackingBecause: 'plain node:http has no middleware; createRouter() is the whole of it' },
  prefixes: { lackingBecause: 'plain node:http has no mounting' },
  bodyParsers: { lackingBecause: 'plain node:http has no body parsers' },
}
