import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { expect, it } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl } from './support/servers.ts'

it('an import is shared by servers that differ by 20 times, each by what it can do', async () => {
  const gpu = await stubMl({ threads: 4, serviceTime: 20 })
  const nas = await stubMl({ threads: 2, serviceTime: 400 })
  const { router, url } = await serveRouter({
    backends: { gpu: { url: gpu.url, maxConcurrent: 4 }, nas: { url: nas.url, maxConcurrent: 2 } },
    routes: [{ backends: ['gpu', 'nas'], strategy: 'peak-ewma' }],
  })
  let served = 0
  let left = 240
  const client = async (): Promise<void> => {
    if (left-- <= 0) return
    const answer = await post(url, immichBody('indexing', imageBytes(20_000)))
    expect(answer.status).toBe(200)
    served++
    await client()
  }
  await Promise.all(Array.from({ length: 32 }, client))
  expect([gpu.started + nas.started, served]).toEqual([240, 240])
  expect(nas.started).toBeGreaterThan(0)
  expect(nas.started).toBeLessThan(gpu.started)
  expect(router.status()).toMatchObject({ held: {}, backends: [{ inFlight: 0 }, { inFlight: 0 }] })
  expect(router.status().backends.map(({ latencies }) => Object.keys(latencies))).toEqual([
    ['clip/visual/ViT-B-32__openai'],
    ['clip/visual/ViT-B-32__openai'],
  ])
})
