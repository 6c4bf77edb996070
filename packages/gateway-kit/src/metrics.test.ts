import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { createRouter } from '@immich-ml-router/core'
import { expect, it, onTestFinished } from 'vitest'
import { listen } from '../../../test/support/servers.ts'
import { GatewayMetrics } from './metrics.ts'

it('concurrent requests for metrics share one rendering', async () => {
  const router = createRouter({ backends: { only: { url: 'http://127.0.0.1:9' } }, health: false })
  let reads = 0
  const reloader = {
    get last() {
      reads++
      return { successful: true, succeededAt: 0 }
    },
  }
  const metrics = new GatewayMetrics(router, { reloader })
  onTestFinished(() => {
    metrics.close()
    return router.close({ timeout: 0 })
  })
  const { url } = await listen((req, res) => metrics.answer(req, res))
  const { hostname, port } = new URL(url)
  const one = http.get(`${url}/metrics`)
  const [first] = (await once(one, 'response')) as [http.IncomingMessage]
  await once(first.resume(), 'end')
  const readsOfOne = reads
  const socket = net.connect(Number(port), hostname)
  socket.write('GET /metrics HTTP/1.1\r\nHost: r\r\n\r\n'.repeat(100))
  socket.end()
  let answers = 0
  for await (const chunk of socket) answers += String(chunk).split('HTTP/1.1 200').length - 1
  expect(answers).toBe(100)
  expect(reads).toBeLessThan(10 * readsOfOne)
})
