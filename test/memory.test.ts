import { immichBody, UNDECODABLE } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl } from './support/servers.ts'

const image = (text: string) => immichBody('indexing', Buffer.from(text))

describe('a GPU whose memory is full', () => {
  it.each([1, 3])('with %i requests loses no job, and gets no more at once', async (requests) => {
    const ml = await stubMl({ threads: 8, serviceTime: 10, fault: { kind: 'memory', requests } })
    const { router, url } = await serveRouter({
      backends: { gpu: { url: ml.url, maxConcurrent: 8 } },
      canary: true,
      hold: '1h',
      health: false,
    })
    const jobs = Array.from({ length: 60 }, (_, i) => post(url, image(`photo ${i}`)))
    expect((await Promise.all(jobs)).map(({ status }) => status)).toEqual(Array(60).fill(200))
    const [gpu] = router.status().backends
    expect(gpu?.limit).toBeLessThanOrEqual(requests)
    expect(gpu?.health.ejections).toBe(0)
  })

  it('is told from undecodable images, which lower no limit', async () => {
    const ml = await stubMl({ threads: 4, serviceTime: 5 })
    const { router, url } = await serveRouter({
      backends: { gpu: { url: ml.url, maxConcurrent: 4 } },
      canary: true,
      hold: '1h',
      health: false,
    })
    const jobs = Array.from({ length: 60 }, (_, i) => post(url, image(i % 10 === 0 ? UNDECODABLE : 'photo')))
    const statuses = (await Promise.all(jobs)).map(({ status }) => status)
    expect(statuses).toEqual(Array.from({ length: 60 }, (_, i) => (i % 10 === 0 ? 500 : 200)))
    const [gpu] = router.status().backends
    expect([gpu?.limit, gpu?.health.ejections]).toEqual([4, 0])
  })
})
