import {
  type BackendOptions,
  createRouter,
  explanationText,
  type RouterOptions,
} from '@immich-ml-router/core'
import { FakeClock, immichBody } from '@immich-ml-router/core/testing'
import { warmUp } from '@immich-ml-router/core/warm-up'
import { describe, expect, it } from 'vitest'
import { classified } from './support/classifications.ts'
import { post } from './support/client.ts'
import { loadingServer } from './support/loading-server.ts'
import { serveRouter } from './support/router-server.ts'
import { until } from './support/servers.ts'

const SEARCH = immichBody('textSearch', 'cat')
const PHOTO = immichBody('indexing', Buffer.from('a photo'))
const FACES = immichBody('faces', Buffer.from('a photo of Ada'))
const MINUTE = 60_000
const TEXTUAL = 'clip/textual/ViT-B-32__openai'

/** A fast GPU that may sleep, and a slow NAS. The GPU is used whenever it is available. */
async function stage(
  options: Partial<RouterOptions> = {},
  ofGpu: Partial<BackendOptions> = {},
  ofNas: Partial<BackendOptions> = {},
) {
  const clock = new FakeClock()
  const [gpu, nas] = [await loadingServer(), await loadingServer()]
  const served = await serveRouter({
    clock,
    backends: { gpu: { url: gpu.url, ...ofGpu }, nas: { url: nas.url, health: false, ...ofNas } },
    routes: [{ name: 'all', backends: ['gpu', 'nas'], strategy: 'first' }],
    canary: true,
    health: { interval: '1s', timeout: '1h', rise: 1, fall: 1 },
    ...options,
  })
  const { router, url } = served
  const end = warmUp(router, { clock })
  const state = () => router.status().backends[0]
  const isUp = (kind: 'up' | 'down') => async () => {
    clock.advance(1_000)
    return state()?.health.probe?.kind === kind
  }
  const send = async (body: Buffer) => (await post(url, body)).headers['x-immich-ml-backend']
  await until(isUp('up'), 'the GPU is up')
  return {
    ...served,
    clock,
    end,
    gpu,
    nas,
    send,
    loading: () => state()?.warming ?? [],
    sleep: async () => {
      gpu.stop()
      await until(isUp('down'), 'the GPU is down')
    },
    wake: async () => {
      gpu.start()
      await until(isUp('up'), 'the GPU is up again')
    },
  }
}

/** The GPU is back and loads its model, one search is on the NAS, which is at its limit, and a second one is queued. */
async function queued() {
  const staged = await stage({}, {}, { maxConcurrent: 1 })
  const { gpu, nas, send, sleep, wake, router } = staged
  await send(SEARCH)
  await sleep()
  nas.isSlow = true
  const first = send(SEARCH)
  await until(() => nas.asked.length === 1, 'the NAS is at its limit')
  gpu.isSlow = true
  await wake()
  const second = send(SEARCH)
  await until(() => [...router.waiting()].length === 1, 'it is queued')
  return { ...staged, first, second }
}

describe('a backend that comes back', () => {
  it('loads the models that were used last before requests go there', async () => {
    const { gpu, nas, send, sleep, wake, loading, changes, router } = await stage()
    for (const body of [PHOTO, FACES, SEARCH]) expect(await send(body)).toBe('gpu')
    await sleep()
    expect(await send(SEARCH)).toBe('nas')
    gpu.isSlow = true
    const before = gpu.asked.length
    await wake()
    await until(() => gpu.asked.length > before, 'a canary is there')
    // The models that a person waits for come first, and one after the other.
    expect(gpu.asked.slice(before)).toEqual(['clip/textual'])
    expect(loading()).toHaveLength(4)
    expect([await send(SEARCH), await send(PHOTO)]).toEqual(['nas', 'nas'])
    const explained = explanationText(router.explain(classified('text', 'clip/textual/ViT-B-32__openai')))
    expect(explained).toContain('gpu: would be next, loading ViT-B-32__openai')
    gpu.load()
    await until(() => !loading().includes(TEXTUAL), 'the model for searches is loaded')
    expect(await send(SEARCH)).toBe('gpu')
    expect(await send(PHOTO)).toBe('nas')
    await until(() => {
      gpu.load()
      return loading().length === 0
    }, 'all models are loaded')
    expect([await send(PHOTO), await send(FACES)]).toEqual(['gpu', 'gpu'])
    expect(nas.asked).toEqual(['clip/textual', 'clip/textual', 'clip/visual', 'clip/visual'])
    expect(changes.filter(({ kind }) => kind === 'warmed')).toEqual([
      expect.objectContaining({
        backend: 'gpu',
        jobs: [
          TEXTUAL,
          'facial-recognition/detection/buffalo_l',
          'facial-recognition/recognition/buffalo_l',
          'clip/visual/ViT-B-32__openai',
        ],
        reason: undefined,
      }),
    ])
  })

  it('gets them once the models are loaded, while the other backend is at its limit', async () => {
    const { gpu, nas, first, second } = await queued()
    expect(gpu.asked).toHaveLength(2)
    gpu.load()
    expect(await second).toBe('gpu')
    nas.load()
    expect(await first).toBe('nas')
  })

  it('gets them after 10 s of loading while the other backend is at its limit', async () => {
    const { gpu, nas, clock, first, second } = await queued()
    clock.advance(10_000)
    await until(() => gpu.asked.length === 3, 'it goes to the GPU, after the canary')
    gpu.load()
    expect(await second).toBe('gpu')
    nas.load()
    await first
  })

  it('loads no models of jobs that were refused', async () => {
    const { gpu, nas, send, sleep, wake, router, url, loading } = await stage()
    await send(SEARCH)
    gpu.refuses = nas.refuses = 'unknown'
    for (let i = 0; i < 8; i++) {
      const job = { clip: { textual: { modelName: `unknown-${i}` } } }
      expect((await post(url, immichBody(job, 'cat'))).status).toBe(422)
    }
    await sleep()
    gpu.isSlow = true
    await wake()
    expect(loading()).toEqual([TEXTUAL])
    await router.close({ timeout: 0 })
  })

  it('gets requests at once if no other backend can take them', async () => {
    const { gpu, nas, send, sleep, wake, router } = await stage()
    await send(SEARCH)
    await router.drain('nas')
    await sleep()
    gpu.isSlow = true
    const before = gpu.asked.length
    await wake()
    const answer = send(SEARCH)
    await until(() => gpu.asked.length === before + 2, 'the canary and the search are there')
    gpu.load()
    expect(await answer).toBe('gpu')
    expect(nas.asked).toEqual([])
  })

  it('leaves the models of held requests to these', async () => {
    const { gpu, send, sleep, wake, router, changes } = await stage({ hold: '1h' })
    await router.drain('nas')
    for (const body of [FACES, SEARCH]) await send(body)
    await sleep()
    const answer = send(FACES)
    await until(() => [...router.waiting()].length === 1, 'it is held')
    await wake()
    expect(await answer).toBe('gpu')
    await until(() => changes.some(({ kind }) => kind === 'warmed'), 'the other model is loaded')
    expect(changes.filter(({ kind }) => kind === 'warmed')).toMatchObject([{ jobs: [TEXTUAL] }])
    expect(gpu.asked).toHaveLength(6)
  })

  it('loads nothing that was not used for 5 min, and nothing without canaries', async () => {
    const { gpu, send, sleep, wake, clock, router, changes } = await stage()
    await send(SEARCH)
    await sleep()
    clock.advance(6 * MINUTE)
    await wake()
    expect(await send(SEARCH)).toBe('gpu')
    await sleep()
    router.reload({ ...router.modules.config(), canary: false })
    await wake()
    expect(await send(SEARCH)).toBe('gpu')
    expect(gpu.asked).toHaveLength(3)
    expect(changes.filter(({ kind }) => kind === 'warmed')).toEqual([])
  })

  it('gets requests all the same when a model cannot be loaded in time', async () => {
    const { gpu, send, sleep, wake, loading, clock, changes } = await stage({ timeouts: { load: '30s' } })
    await send(SEARCH)
    await sleep()
    gpu.isSlow = true
    await wake()
    await until(() => gpu.asked.length === 2, 'the canary is there')
    clock.advance(30_000)
    await until(() => loading().length === 0, 'the canary has failed')
    expect(changes.find(({ kind }) => kind === 'warmed')).toMatchObject({ reason: 'no answer in 30000 ms' })
    gpu.isSlow = false
    expect(await send(SEARCH)).toBe('gpu')
  })

  it('is not stopped by going away again', async () => {
    const { gpu, send, sleep, wake, loading } = await stage()
    for (const body of [PHOTO, SEARCH]) await send(body)
    await sleep()
    gpu.isSlow = true
    await wake()
    await until(() => loading().length === 2, 'it loads')
    gpu.stop()
    gpu.load()
    await sleep()
    await until(() => loading().length === 0, 'nothing is loaded any more')
    gpu.isSlow = false
    await wake()
    await until(() => gpu.loaded.size === 2 && loading().length === 0, 'both are loaded')
    expect(await send(SEARCH)).toBe('gpu')
  })

  it('that was recycled or enabled loads its models as well', async () => {
    const { gpu, send, router, loading } = await stage()
    await send(SEARCH)
    await router.drain('gpu')
    gpu.stop()
    gpu.start()
    gpu.isSlow = true
    router.enable('gpu')
    expect(await send(SEARCH)).toBe('nas')
    gpu.load()
    await until(() => {
      gpu.load()
      return loading().length === 0
    }, 'it is loaded')
    expect(await send(SEARCH)).toBe('gpu')
  })
})

describe('a server that was restarted within a minute', () => {
  it('is not taken for frozen while it loads a model that it had loaded before', async () => {
    const { gpu, nas, send, sleep, wake, clock, router, changes, end } = await stage()
    end()
    await router.drain('nas')
    await send(PHOTO)
    await sleep()
    gpu.isSlow = true
    await wake()
    const answer = send(PHOTO)
    await until(() => gpu.asked.length === 2, 'the request is there')
    for (let seconds = 0; seconds < 60; seconds += 12) {
      clock.advance(12_000)
      await post(nas.url, PHOTO)
    }
    gpu.load()
    expect(await answer).toBe('gpu')
    expect(gpu.asked).toHaveLength(2)
    expect(changes.filter((change) => change.kind === 'breaker' && change.to.kind === 'open')).toEqual([])
  })
})

describe('the only backend, which a search finds gone', () => {
  it('gets the search once it can be reached, and is not ejected while it loads the model', async () => {
    const gpu = await loadingServer()
    const clock = new FakeClock()
    const { url, router, changes } = await serveRouter({
      clock,
      backends: { gpu: { url: gpu.url } },
      canary: true,
      hold: '1h',
      health: { interval: '1m', timeout: '1h' },
    })
    warmUp(router, { clock })
    expect((await post(url, SEARCH)).status).toBe(200)
    await gpu.leave()
    const answer = post(url, SEARCH)
    await until(() => [...router.waiting()].length === 1, 'the search is held')
    gpu.isSlow = true
    await gpu.comeBack()
    await until(() => {
      clock.advance(500)
      return gpu.asked.length > 1
    }, 'the search is there')
    for (let seconds = 0; seconds < 60; seconds++) {
      clock.advance(1_000)
      await fetch(`${gpu.url}/ping`)
    }
    gpu.load()
    expect((await answer).status).toBe(200)
    const ejections = changes.filter(
      (change) => change.kind === 'breaker' && change.to.kind === 'open' && change.task !== undefined,
    )
    expect([gpu.asked, ejections]).toEqual([['clip/textual', 'clip/textual'], []])
  })
})

describe('keepWarm', () => {
  it('sends a canary when a model of searches was idle for so long', async () => {
    const { gpu, nas, send, clock, requests } = await stage({}, { keepWarm: '4m' })
    await send(SEARCH)
    await send(PHOTO)
    clock.advance(3 * MINUTE)
    await send(SEARCH)
    clock.advance(3 * MINUTE)
    expect(gpu.asked).toHaveLength(3)
    clock.advance(MINUTE)
    await until(() => gpu.asked.length === 4, 'a canary is there')
    clock.advance(4 * MINUTE)
    await until(() => gpu.asked.length === 5, 'another canary is there')
    expect(gpu.asked.slice(3)).toEqual(['clip/textual', 'clip/textual'])
    expect(nas.asked).toEqual([])
    expect(requests).toHaveLength(3)
  })

  it('ends a week after the last search', async () => {
    const { gpu, nas, send, clock } = await stage({}, { keepWarm: '12h' })
    await send(SEARCH)
    for (let canaries = 1; canaries <= 14; canaries++) {
      clock.advance(12 * 60 * MINUTE)
      await until(() => gpu.asked.length === canaries + 1, 'a canary is there')
    }
    clock.advance(48 * 60 * MINUTE)
    await post(nas.url, PHOTO)
    expect(gpu.asked).toHaveLength(15)
  })

  it('of a route holds for its backends, except those that may sleep', async () => {
    const routes = [{ name: 'all', backends: ['gpu', 'nas'], strategy: 'first', keepWarm: '4m' }] as const
    const { gpu, nas, send, clock } = await stage({ routes }, { wake: { mac: 'aa:bb:cc:dd:ee:ff' } })
    await send(SEARCH)
    clock.advance(4 * MINUTE)
    await until(() => nas.asked.length === 1, 'a canary is there')
    expect(gpu.asked).toHaveLength(1)
  })

  it('ends with a reload, and follows another time', async () => {
    const { nas, gpu, send, clock, router } = await stage({}, { keepWarm: '4m' })
    const { keepWarm: _, ...plain } = router.modules.config().backends['gpu'] ?? { url: '' }
    await send(SEARCH)
    router.reload({
      ...router.modules.config(),
      backends: { gpu: { ...plain, keepWarm: '1m' }, nas: { url: nas.url } },
    })
    clock.advance(MINUTE)
    await until(() => gpu.asked.length === 2, 'a canary is there')
    router.reload({ ...router.modules.config(), backends: { gpu: plain, nas: { url: nas.url } } })
    clock.advance(60 * MINUTE)
    await send(SEARCH)
    expect(gpu.asked).toHaveLength(3)
  })

  it.each<Partial<BackendOptions>>([
    { wake: { mac: 'aa:bb:cc:dd:ee:ff' } },
    { suspend: { url: 'http://gpu:9000' } },
    { health: { mode: 'lazy' } },
  ])('is refused for a backend that may sleep: %o', (options) => {
    const backends = { gpu: { url: 'http://gpu:3003', keepWarm: '4m', ...options } }
    expect(() => createRouter({ backends })).toThrow(/backends\.gpu\.keepWarm.*awake/)
  })
})
