import { type AdapterUnderTest, withTransport } from './adapter.ts'
import { expressAdapter } from './express.ts'
import { koaAdapter } from './koa.ts'
import { nodeHttp } from './node-http.ts'

/** Every adapter, on every major of its framework that is supported. */
export const adapters: readonly AdapterUnderTest[] = [
  nodeHttp,
  expressAdapter('Express 4', 'express4'),
  expressAdapter('Express 5', 'express5'),
  koaAdapter('Koa 2', 'koa2'),
  koaAdapter('Koa 3', 'koa3'),
]

/** What the adapters of today's majors do without http-proxy-3, which a router hands its attempts to by default. */
export const direct: readonly AdapterUnderTest[] = [
  nodeHttp,
  expressAdapter('Express 5', 'express5'),
  koaAdapter('Koa 3', 'koa3'),
].map((adapter) => withTransport(adapter, 'direct'))
