import { readFile } from 'node:fs/promises'
import http, { type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { createRouter, deferContinue, inheritedSocket, parseConfig, stopServer } from '@immich-ml-router/core'
import { pathOf } from '@immich-ml-router/core/parts'
import { parse } from 'yaml'

const { PORT = '3003', ROUTER_CONFIG = new URL('router.yaml', import.meta.url) } = process.env
const router = createRouter(parseConfig(parse(await readFile(ROUTER_CONFIG, 'utf8'))))

/** The application: it handles every request that the router does not. */
const app: RequestListener = async (req, res) => {
  res.setHeader('content-type', 'application/json')
  if (req.method === 'GET' && pathOf(req) === '/hello') res.end('{"hello":"world"}')
  else if (req.method === 'POST' && pathOf(req) === '/echo') res.end(JSON.stringify(await json(req)))
  else res.writeHead(404).end('{"detail":"Not Found"}')
}

const server = http.createServer((req, res) => router.handle(req, res, () => app(req, res)))
// The router has its own timeout for idle uploads, and may pause an upload for longer than Node's 5 minutes.
server.requestTimeout = 0
// A client with `Expect: 100-continue` gets a refusal before it uploads the body.
deferContinue(server)
const socket = inheritedSocket()
server.listen(socket ?? { port: Number(PORT) }, () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`)
})

process.once('SIGTERM', () => stopServer(server, router, { inherited: socket !== undefined }))
