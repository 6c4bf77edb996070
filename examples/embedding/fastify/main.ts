import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createRouter, deferContinue, parseConfig, stopServer } from '@immich-ml-router/core'
import Fastify from 'fastify'
import { parse } from 'yaml'

const { PORT = '3003', ROUTER_CONFIG = new URL('router.yaml', import.meta.url) } = process.env
const router = createRouter(parseConfig(parse(await readFile(ROUTER_CONFIG, 'utf8'))))

// The router bounds idle uploads itself, and may pause one for longer than Node's 5 minutes.
const app = Fastify({ requestTimeout: 0 })
// Before it uploads a body that the router refuses, a client with `Expect: 100-continue` gets the refusal.
deferContinue(app.server)
// Before Fastify looks at the body: neither its parsers nor its bodyLimit see what is the router's.
app.addHook('onRequest', (request, reply, done) => {
  void router.handle(request.raw, reply.raw, done)
})
app.get('/hello', async () => ({ hello: 'world' }))
app.post('/echo', async (request) => request.body)

await app.listen({ port: Number(PORT), host: '0.0.0.0' })
console.log(`Listening on http://localhost:${(app.server.address() as AddressInfo).port}`)

process.once('SIGTERM', async () => {
  // Before Fastify answers new requests with 503.
  await stopServer(app.server, router)
  await app.close()
})
