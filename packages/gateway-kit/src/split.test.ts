import { createRouter } from '@immich-ml-router/core'
import { expect, it, onTestFinished } from 'vitest'
import { post } from '../../../test/support/client.ts'
import { splitBackends, splitStubs, twoTasks } from '../../../test/support/split-pool.ts'
import { startGateway } from './server.ts'

it('a gateway splits requests from the reload on that restricts the tasks of a backend', async () => {
  const { gpu, nas } = splitBackends(await splitStubs())
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} } as never
  const config = { port: 0, host: '127.0.0.1', source: 'code', drainTimeout: 0 } as const
  const { url, router, close } = await startGateway({
    makeApp: (options) => {
      const router = createRouter(options)
      return { router, listener: (req, res) => router.handle(req, res) }
    },
    config: { ...config, options: { backends: { gpu: { url: gpu.url } } } },
    logger: silent,
  })
  onTestFinished(close)
  expect((await post(url, twoTasks())).headers['x-immich-ml-backend']).toBe('gpu')
  router.reload({ backends: { gpu, nas } })
  await expect.poll(async () => (await post(url, twoTasks())).headers['x-immich-ml-backend']).toBe('gpu, nas')
  expect(router.status().notices).toEqual([])
})
