import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createRouter, parseConfig } from '@immich-ml-router/core'
import Fastify from 'fastify'
import { parse } from 'yaml'

const { PORT = '3003', ROUTER_CONFIG = new URL('router.yaml', import.meta.url) } = process.env
const router = createRouter(parseConfig(parse(await readFile(ROUTER_CONFIG, 'utf8'))))

const app = Fastify()
// Before Fastify looks at the body: neither its parsers nor its bodyLimit see what is the router's.
app.addHook('onRequest', (request, reply, done) => {
  void router.handle(request.raw, reply.raw, done)
})
// Ends those that wait for a backend, before Fastify waits for them.
app.addHook('preClose', () => router.close())
app.get('/hello', async () => ({ hello: 'world' }))
app.post('/echo', async (request) => request.body)

await app.listen({ port: Number(PORT), host: '0.0.0.0' })
console.log(`Listening on http://localhost:${(app.server.address() as AddressInfo).port}`)

process.once('SIGTERM', () => app.close())
