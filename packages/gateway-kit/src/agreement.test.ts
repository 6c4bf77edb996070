import { createRouter } from '@immich-ml-router/core'
import { immichBody } from '@immich-ml-router/core/testing'
import { expect, it, onTestFinished } from 'vitest'
import { clipServer } from '../../../test/support/agreement-pool.ts'
import { post } from '../../../test/support/client.ts'
import { until } from '../../../test/support/servers.ts'
import { startGateway } from './server.ts'

it('a gateway warns of backends that disagree, from the reload on that adds the second', async () => {
  const [gpu, hailo] = [await clipServer(), await clipServer(() => ({ length: 640 }))]
  const lines: string[] = []
  const log = (fields: object, message: string) => lines.push(`${message}: ${Reflect.get(fields, 'reason')}`)
  const logger = { debug: () => {}, info: () => {}, warn: log, error: log } as never
  const config = {
    port: 0,
    host: '127.0.0.1',
    source: 'code',
    options: { backends: { gpu: { url: gpu.url } }, health: false },
  } as const
  const { url, router, close } = await startGateway({
    makeApp: (options) => {
      const router = createRouter(options)
      return { router, listener: (req, res) => router.handle(req, res) }
    },
    config: { ...config, drainTimeout: 0 },
    logger,
  })
  onTestFinished(close)
  router.reload({
    backends: { gpu: { url: gpu.url }, hailo: { url: hailo.url } },
    routes: [{ backends: ['gpu', 'hailo'], strategy: 'round-robin' }],
    health: false,
  })
  const photo = immichBody('indexing', Buffer.from('a photo'))
  await until(async () => {
    await post(url, photo)
    return lines.length > 0
  }, 'the warning is logged')
  expect(lines).toEqual([
    'backend has a model problem: gpu and hailo disagree on ViT-B-32__openai: 512 and 640 values',
  ])
})
