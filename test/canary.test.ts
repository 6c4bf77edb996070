import { immichBody, UNDECODABLE } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { fastClock } from './support/fast-clock.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl, until } from './support/servers.ts'

const GOOD_IMAGE = immichBody('indexing', Buffer.from('a photo'))
const BAD_IMAGE = immichBody('indexing', Buffer.from(UNDECODABLE))
const OPTIONS = { health: false, hold: '1h', canary: true } as const

/** How often each backend was ejected. */
const ejections = (router: { status(): { backends: readonly { health: { ejections: number } }[] } }) =>
  router.status().backends.map(({ health }) => health.ejections)

describe('a canary', () => {
  it('acquits a lone backend of undecodable images, and the good image behind ten of them is done', async () => {
    const ml = await stubMl()
    const { router, url } = await serveRouter({ backends: { gpu: { url: ml.url } }, ...OPTIONS })
    expect((await post(url, GOOD_IMAGE)).status).toBe(200)
    const bad = await Promise.all(Array.from({ length: 10 }, () => post(url, BAD_IMAGE)))
    expect(bad.map(({ status }) => status)).toEqual(Array(10).fill(500))
    expect((await post(url, GOOD_IMAGE)).status).toBe(200)
    expect(ejections(router)).toEqual([0])
  })

  it('acquits a backend before anything was answered well', async () => {
    const ml = await stubMl()
    const { router, url } = await serveRouter({ backends: { gpu: { url: ml.url } }, ...OPTIONS })
    expect((await post(url, BAD_IMAGE)).status).toBe(500)
    expect(ejections(router)).toEqual([0])
  })

  it('keeps undecodable images from the other backend', async () => {
    const [gpu, nas] = [await stubMl(), await stubMl()]
    const { url } = await serveRouter({
      backends: { gpu: { url: gpu.url }, nas: { url: nas.url } },
      routes: [{ backends: ['gpu', 'nas'], strategy: 'first' }],
      ...OPTIONS,
    })
    expect((await post(url, BAD_IMAGE)).status).toBe(500)
    // Once, a canary, and once more.
    expect([gpu.started, nas.started]).toEqual([3, 0])
  })

  it('blames a backend that fails at everything: at once, and the jobs are held', async () => {
    const ml = await stubMl()
    const { router, url } = await serveRouter({
      backends: { gpu: { url: ml.url } },
      ...OPTIONS,
      clock: fastClock(10),
    })
    expect((await post(url, GOOD_IMAGE)).status).toBe(200)
    await ml.setFault('error')
    const jobs = Array.from({ length: 5 }, () => post(url, GOOD_IMAGE))
    await until(() => Object.values(router.status().held).reduce((a, b) => a + b, 0) === 5, 'all are held')
    expect(ejections(router)).toEqual([1])
    await ml.setFault(undefined)
    expect((await Promise.all(jobs)).map(({ status }) => status)).toEqual(Array(5).fill(200))
  })

  it('suspends only the entries of a job that no backend has done', async () => {
    const ml = await stubMl({ models: ['ViT-B-32__openai'] })
    const { router, url } = await serveRouter({
      backends: { gpu: { url: ml.url } },
      ...OPTIONS,
      hold: { bulk: '200ms' },
    })
    expect((await post(url, immichBody('faces', Buffer.from('a photo')))).status).toBe(503)
    expect(Object.keys(router.status().backends[0]?.health.tasks ?? {})).toEqual([
      'facial-recognition/detection+facial-recognition/recognition (with these options)',
    ])
    expect((await post(url, GOOD_IMAGE)).status).toBe(200)
  })

  it('tries an ejected backend instead of a job', async () => {
    const ml = await stubMl()
    const { router, url } = await serveRouter({
      backends: { gpu: { url: ml.url } },
      ...OPTIONS,
      clock: fastClock(10),
    })
    expect((await post(url, GOOD_IMAGE)).status).toBe(200)
    await ml.setFault('error')
    const job = post(url, immichBody('indexing', Buffer.from('another photo')))
    await until(() => ejections(router)[0] === 2, 'the trial has failed')
    // The job, its canary, and the canary of the trial.
    const photos = ml.received.map(({ size }) => size)
    expect(ml.received.length).toBe(4)
    expect(new Set(photos.slice(2)).size).toBe(1)
    await ml.setFault(undefined)
    expect((await job).status).toBe(200)
  })

  it('keeps neither searches nor images waiting for a request that hangs there', async () => {
    const ml = await stubMl({ threads: 8, serviceTime: { ocr: 60_000 } })
    const { url } = await serveRouter({
      backends: { gpu: { url: ml.url, maxConcurrent: 8 } },
      ...OPTIONS,
      clock: fastClock(10),
    })
    expect((await post(url, GOOD_IMAGE)).status).toBe(200)
    const hangs = post(url, immichBody('ocr', Buffer.from('a photo')))
    hangs.catch(() => {})
    await until(() => ml.started === 2, 'a request hangs')
    const bad = post(url, BAD_IMAGE)
    await until(() => ml.started === 3, 'an image has failed')
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(200)
    expect((await bad).status).toBe(500)
    expect((await post(url, GOOD_IMAGE)).status).toBe(200)
  })

  it('is not sent with canary: false, so another backend decides', async () => {
    const [gpu, nas] = [await stubMl(), await stubMl()]
    const { url } = await serveRouter({
      backends: { gpu: { url: gpu.url }, nas: { url: nas.url } },
      routes: [{ backends: ['gpu', 'nas'], strategy: 'first' }],
      ...OPTIONS,
      canary: false,
    })
    expect((await post(url, BAD_IMAGE)).status).toBe(500)
    expect([gpu.started, nas.started]).toEqual([1, 1])
  })
})
