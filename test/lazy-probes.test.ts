import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { FakeClock } from '@immich-ml-router/core/testing'
import { expect, it } from 'vitest'
import { post } from './support/client.ts'
import { search, serve } from './support/health-servers.ts'
import { listen, stubMl, until } from './support/servers.ts'

it('a backend with lazy probes is asked only while a request needs it', async () => {
  const clock = new FakeClock()
  let pings = 0
  const gpu = await listen((req, res) => {
    if (req.url === '/ping') pings++
    res
      .writeHead(200, { 'content-type': 'application/json' })
      .end(req.url === '/ping' ? 'pong' : '{"clip":"[1]"}')
  })
  const nas = await stubMl()
  const { url, probe, requests } = await serve({
    clock,
    backends: { gpu: { url: gpu.url, health: { mode: 'lazy' } }, nas: { url: nas.url, health: false } },
    routes: [{ backends: ['gpu', 'nas'], strategy: 'first' }],
  })
  const servedBy = async () => (await post(url, search)).headers['x-immich-ml-backend']

  clock.advance(600_000)
  expect([await servedBy(), pings]).toEqual(['gpu', 0])

  const { port } = gpu.server.address() as AddressInfo
  gpu.server.closeAllConnections()
  gpu.server.close()
  await once(gpu.server, 'close')
  expect(await servedBy()).toBe('nas')
  await until(() => {
    clock.advance(1_000)
    return probe()?.kind === 'down'
  }, 'its probes have failed')

  gpu.server.listen(port, '127.0.0.1')
  await once(gpu.server, 'listening')
  clock.advance(600_000)
  expect(pings).toBe(0)
  expect(await servedBy()).toBe('nas')
  await until(() => {
    clock.advance(250)
    return probe()?.kind === 'up'
  }, 'the request had it probed')
  const sofar = pings
  clock.advance(600_000)
  expect([await servedBy(), pings]).toEqual(['gpu', sofar])
  expect(requests.length).toBe(4)
})
