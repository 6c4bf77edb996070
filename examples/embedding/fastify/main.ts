import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createRouter, deferContinue, parseConfig, stopServer } from '@immich-ml-router/core'
import Fastify from 'fastify'
import { parse } from 'yaml'

const { PORT = '3003', ROUTER_CONFIG = new URL('router.yaml', import.meta.url) } = process.env
const router = createRouter(parseConfig(parse(await readFile(ROUTER_CONFIG, 'utf8'))))

// The router has its own timeout for idle uploads, and may pause an upload for longer than Node's 5 minutes.
const app = Fastify({ requestTimeout: 0 })
// A client with `Expect: 100-continue` gets a refusal before it uploads the body.
deferContinue(app.server)
// This hook runs before Fastify's body parsers and bodyLimit, so they do not affect the router's requests.
app.addHook('onRequest', (request, reply, done) => {
  void router.handle(request.raw, reply.raw, done)
})
app.get('/hello', async () => ({ hello: 'world' }))
app.post('/echo', async (request) => request.body)

await app.listen({ port: Number(PORT), host: '0.0.0.0' })
console.log(`Listening on http://localhost:${(app.server.address() as AddressInfo).port}`)

process.once('SIGTERM', async () => {
  // Must run first, because app.close() makes Fastify answer new requests with 503.
  await stopServer(app.server, router)
  await app.close()
})
