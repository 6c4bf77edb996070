import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { deferContinue, parseConfig, stopServer } from '@immich-ml-router/core'
import { immichMlRouter } from '@immich-ml-router/express'
import express from 'express'
import { parse } from 'yaml'

const { PORT = '3003', ROUTER_CONFIG = new URL('router.yaml', import.meta.url) } = process.env
const predict = immichMlRouter(parseConfig(parse(await readFile(ROUTER_CONFIG, 'utf8'))))

const app = express()
// Must come before every middleware that reads bodies.
app.use(predict)
app.use(express.json())
app.get('/hello', (_req, res) => void res.json({ hello: 'world' }))
app.post('/echo', (req, res) => void res.json(req.body))

const server = app.listen(Number(PORT), () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`)
})

// The router has its own timeout for idle uploads, and may pause an upload for longer than Node's 5 minutes.
server.requestTimeout = 0
// A client with `Expect: 100-continue` gets a refusal before it uploads the body.
deferContinue(server)

process.once('SIGTERM', () => stopServer(server, predict.router))
