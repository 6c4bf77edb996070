import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { deferContinue, parseConfig, stopServer } from '@immich-ml-router/core'
import { immichMlRouter } from '@immich-ml-router/koa'
import Koa from 'koa'
import { parse } from 'yaml'

const { PORT = '3003', ROUTER_CONFIG = new URL('router.yaml', import.meta.url) } = process.env
const predict = immichMlRouter(parseConfig(parse(await readFile(ROUTER_CONFIG, 'utf8'))))

const app = new Koa()
// Must come before every middleware that reads bodies.
app.use(predict)
app.use(async (ctx) => {
  if (ctx.method === 'GET' && ctx.path === '/hello') ctx.body = { hello: 'world' }
  if (ctx.method === 'POST' && ctx.path === '/echo') ctx.body = await json(ctx.req)
})

const server = app.listen(Number(PORT), () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`)
})

// The router has its own timeout for idle uploads, and may pause an upload for longer than Node's 5 minutes.
server.requestTimeout = 0
// A client with `Expect: 100-continue` gets a refusal before it uploads the body.
deferContinue(server)

process.once('SIGTERM', () => stopServer(server, predict.router))
