import type { RouterOptions } from '@immich-ml-router/core'
import { GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { post } from './client.ts'
import { serveRouter } from './router-server.ts'
import { listen, until } from './servers.ts'

/** A router over one stand-in that hangs until it is told to go on, with so many slots. */
export async function gate(
  slots: Partial<RouterOptions['backends'][string]>,
  options: Partial<RouterOptions> = {},
) {
  const waiting: (() => void)[] = []
  const order: unknown[] = []
  const { url: backend } = await listen((req, res) => {
    if (req.url !== '/predict') return void res.end('pong')
    order.push(req.headers['x-order'])
    req
      .resume()
      .on('end', () => waiting.push(() => res.setHeader('content-type', 'application/json').end(GOOD_ANSWER)))
  })
  const { router, url } = await serveRouter({
    backends: { gpu: { url: backend, ...slots } },
    heartbeat: false,
    ...options,
  })
  const inFlight = () => router.status().backends[0]?.inFlight
  const held = () => router.status().held['default'] ?? 0
  /** Sends a request, and waits until it is at the backend or in the queue. */
  const send = async (
    job: 'textSearch' | 'indexing',
    name: string,
    waits: boolean,
    headers: Record<string, string> = {},
  ) => {
    const before = waits ? held() : waiting.length
    const body = job === 'textSearch' ? immichBody(job, name) : immichBody(job, imageBytes(10_000))
    const answer = post(url, body, { headers: { ...headers, 'x-order': name } })
    await until(() => (waits ? held() : waiting.length) > before, `${name} is in its place`)
    return answer
  }
  const next = async () => {
    await until(() => waiting.length > 0, 'the backend has a request')
    waiting.shift()?.()
  }
  return { router, url, order, waiting, inFlight, held, send, next }
}
