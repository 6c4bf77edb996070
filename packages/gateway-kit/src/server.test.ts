import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createRouter } from '@immich-ml-router/core'
import { pino } from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../../../test/support/temporary-file.ts'
import type { GatewayConfig } from './config.ts'
import { startGateway } from './server.ts'

/** A gateway whose state files are in the directory. */
function start(directory: string, ports: Pick<GatewayConfig, 'port' | 'metricsPort'>) {
  const recycle = { everyJobs: 10, url: 'http://127.0.0.1:1' }
  return startGateway({
    makeApp: (options) => {
      const router = createRouter(options)
      return { router, listener: (req, res) => router.handle(req, res) }
    },
    config: {
      ...ports,
      host: '127.0.0.1',
      source: 'code',
      options: { backends: { gpu: { url: 'http://127.0.0.1:1', recycle } }, health: false },
      statusPage: { historyFile: join(directory, 'history.json') },
      recycleFile: join(directory, 'recycle.json'),
      drainTimeout: 0,
    },
    logger: pino({ level: 'silent' }),
  })
}

async function usedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

it.each<[variable: string, ports: (used: number) => Pick<GatewayConfig, 'port' | 'metricsPort'>]>([
  ['PORT', (used) => ({ port: used })],
  ['METRICS_PORT', (used) => ({ port: 0, metricsPort: used })],
])('a gateway whose %s is in use writes no state file', async (_, ports) => {
  const directory = await temporaryDirectory()
  await expect(start(directory, ports(await usedPort()))).rejects.toThrow('is in use')
  expect(await readdir(directory)).toEqual([])
})

it('a gateway that has started writes its state files when it closes', async () => {
  const directory = await temporaryDirectory()
  const gateway = await start(directory, { port: 0 })
  await gateway.close()
  expect((await readdir(directory)).sort()).toEqual(['history.json', 'recycle.json'])
})
