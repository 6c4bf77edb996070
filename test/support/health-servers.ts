import type http from 'node:http'
import type { RouterOptions } from '@immich-ml-router/core'
import { immichBody } from '@immich-ml-router/core/testing'
import { post } from './client.ts'
import { serveRouter } from './router-server.ts'
import { listen } from './servers.ts'

/** A router, the changes of its backends, and its requests. */
export async function serve(options: RouterOptions) {
  const { router, url, requests, changes } = await serveRouter({ heartbeat: false, ...options })
  const backendFor = async (body: Buffer) => (await post(url, body)).headers['x-immich-ml-backend']
  const probe = (i = 0) => router.status().backends[i]?.health.probe
  return { router, url, changes, requests, backendFor, probe }
}

/** A server that answers predict requests and probes as it is told, and counts both. */
export async function server(
  predict: http.RequestListener,
  ping: http.RequestListener = (_, res) => res.end('pong'),
) {
  const count = { predict: 0, ping: 0 }
  const { url } = await listen((req, res) => {
    const answer = req.url?.endsWith('/predict') === true ? predict : ping
    count[answer === predict ? 'predict' : 'ping']++
    req.resume().on('end', () => answer(req, res))
  })
  return { url, count }
}

export const answers = (
  status: number,
  body = '{}',
  headers: http.OutgoingHttpHeaders = {},
): http.RequestListener => {
  return (_, res) => res.writeHead(status, headers).end(body)
}

export const search = immichBody('textSearch', 'cat')
