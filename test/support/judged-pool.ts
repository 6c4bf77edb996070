import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { RouterOptions } from '@immich-ml-router/core'
import { GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { serveRouter } from './router-server.ts'
import { listen } from './servers.ts'

export type Answer = (req: IncomingMessage, res: ServerResponse) => void

export const JSON_HEADERS = { 'content-type': 'application/json' }

export const image = immichBody('indexing', imageBytes(20_000))

export const search = immichBody('textSearch', 'cat')

export const status =
  (code: number, body = '', headers: Record<string, string> = {}): Answer =>
  (_, res) =>
    res.writeHead(code, headers).end(body)

export const good: Answer = status(200, GOOD_ANSWER, JSON_HEADERS)

export const detail = (text: string) => JSON.stringify({ detail: text })

/** A backend that reads the request and then answers as it is told at the time. */
async function backend(first: Answer) {
  const told = { answer: first, requests: 0, headers: [] as IncomingMessage['headers'][] }
  const { url } = await listen(
    createServer((req, res) => {
      if (req.url?.endsWith('/ping') === true) return res.end('pong')
      told.requests++
      told.headers.push(req.headers)
      return req.resume().on('end', () => told.answer(req, res))
    }),
  )
  return Object.assign(told, { url })
}

/** Backends `a`, `b`, … in this order, with requests held as by default. */
export async function serve(answers: readonly Answer[], options: Partial<RouterOptions> = {}) {
  const servers = await Promise.all(answers.map(backend))
  const names = servers.map((_, i) => 'abc'[i] ?? '')
  const router = await serveRouter({
    backends: Object.fromEntries(servers.map(({ url }, i) => [names[i] ?? '', { url }])),
    routes: [{ backends: names, strategy: 'first' }],
    health: false,
    hold: undefined,
    ...options,
  })
  return { ...router, servers, requests: () => servers.map(({ requests }) => requests) }
}
