import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { routerMetrics } from '@immich-ml-router/core/metrics'
import { imageBytes, immichBody } from '@immich-ml-router/core/testing'
import type { Report } from '@immich-ml-router/status-page'
import { statusPage } from '@immich-ml-router/status-page'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ScriptedMl } from './metrics/scripted-ml.ts'
import { post } from './support/client.ts'
import { search, serve } from './support/served-page.ts'
import { listen, stubMl, until } from './support/servers.ts'

const image = immichBody('indexing', imageBytes(1_000))
const faces = immichBody('faces', imageBytes(1_000))

async function reportOf(url: string): Promise<Report> {
  return (await fetch(`${url}/_router/status.json`)).json() as Promise<Report>
}

/** A GPU that takes two images at once, and a NAS for searches and for what the GPU fails at. */
async function scriptedPair(options: Partial<RouterOptions> = {}) {
  const [gpu, nas] = [await ScriptedMl.start(), await ScriptedMl.start()]
  const served = await serve({
    canary: false,
    retries: 1,
    ...options,
    backends: { gpu: { url: gpu.url, maxConcurrent: 2 }, nas: { url: nas.url, maxConcurrent: 1 } },
    routes: [
      { name: 'search', match: { task: 'clip', type: 'textual' }, backends: ['nas'] },
      { name: 'images', backends: ['gpu', 'nas'], strategy: 'first' },
    ],
  })
  const { url, clock, router } = served
  let over = 0
  router.on('request', () => {
    over++
  })
  const isOver = async (count: number) => until(() => over === count, 'the requests are over')
  /** One request that takes so long on this backend. */
  const job = async (body: Buffer, by: ScriptedMl, milliseconds: number, status = 200) => {
    const before = over
    const answer = post(url, body)
    const taken = await by.next()
    clock.advance(milliseconds)
    taken.answer(status)
    await answer
    await isOver(before + 1)
  }
  /** An image for which the GPU's proxy wants a login at once, and that takes so long on the NAS. */
  const rescued = async (milliseconds: number) => {
    const before = over
    const answer = post(url, image)
    ;(await gpu.next()).signIn()
    const taken = await nas.next()
    clock.advance(milliseconds)
    taken.answer()
    await answer
    await isOver(before + 1)
  }
  const backend = async (name: string) => {
    const found = (await reportOf(url)).backends.find((each) => each.name === name)
    if (found === undefined) throw new Error(`there is no backend ${name}`)
    return found
  }
  return { ...served, gpu, nas, job, rescued, backend, isOver, over: () => over }
}

/** A percentile is right within 4.5 %. */
function about(milliseconds: number) {
  return expect.toSatisfy((value: number) => Math.abs(value / milliseconds - 1) < 0.045)
}

describe('the figures of a scripted hour', () => {
  it('are those that are computed by hand', async () => {
    const { url, clock, router, gpu, nas, job, rescued, backend, isOver, over } = await scriptedPair()
    const { registry, close } = routerMetrics(router)
    onTestFinished(close)

    // 0 s: two images overlap on the GPU, of 1 s and 2 s.
    const images = [post(url, image), post(url, image)]
    const [first, second] = [await gpu.next(), await gpu.next()]
    clock.advance(1_000)
    first.answer()
    await isOver(1)
    clock.advance(1_000)
    second.answer()
    await isOver(2)
    await Promise.all(images)
    // 2 s: a search on the NAS, faces on the GPU, and a job that is at fault itself.
    await job(search, nas, 300)
    await job(faces, gpu, 700)
    const refused = post(url, faces)
    const onGpu = await gpu.next()
    clock.advance(1_000)
    onGpu.answer(422)
    const onNas = await nas.next()
    clock.advance(500)
    onNas.answer(422)
    await refused
    await isOver(5)
    // 4 s: nothing until 12 s, then a search.
    clock.advance(7_500)
    await job(search, nas, 100)
    // 12.1 s: the GPU's proxy wants a login for three images, and is ejected. The NAS answers them.
    for (let i = 0; i < 3; i++) await rescued(500)
    clock.advance(400)

    // 14 s. The GPU was busy from 0 s to 2 s and from 2.3 s to 4 s; two at once for 1 s, of a limit of 2.
    const report = await reportOf(url)
    expect(over()).toBe(9)
    expect(report.now).toBe(14_000)
    expect(report.windows.minute).toEqual({
      length: 14_000,
      rate: 0.643,
      fates: { answered: 5, 'job-failed': 1, rescued: 3, failed: 0, refused: 0, left: 0 },
      latencies: {
        search: { count: 2, p50: about(100), p95: about(300) },
        indexing: { count: 5, p50: about(500), p95: about(2_000) },
        faces: { count: 1, p50: about(700), p95: about(700) },
      },
    })
    expect(report.windows.quarter).toEqual(report.windows.minute)
    const [ejected, well] = report.backends
    expect(ejected).toMatchObject({ name: 'gpu', health: { state: 'ejected' } })
    expect(ejected?.minute).toEqual({
      jobs: 3,
      busy: 0.264,
      load: 0.168,
      latencies: {
        indexing: { count: 2, p50: about(1_000), p95: about(2_000) },
        faces: { count: 1, p50: about(700), p95: about(700) },
      },
      verdicts: { undecided: 1, fault: 3 },
    })
    expect(well?.minute).toEqual({
      jobs: 6,
      share: 0.667,
      busy: 0.171,
      load: 0.171,
      latencies: {
        search: { count: 2, p50: about(100), p95: about(300) },
        indexing: { count: 3, p50: about(500), p95: about(500) },
      },
      verdicts: { undecided: 1 },
    })
    expect(report.routes).toMatchObject([
      { name: 'search', words: 'text search (search): nas', minute: { jobs: 2, failed: 0 } },
      { name: 'images', words: 'everything else (images): gpu, then nas', minute: { jobs: 7, failed: 0 } },
    ])
    expect(report.spans).toMatchObject([
      { index: 0, backends: { gpu: { jobs: 3, busy: 0.37, limit: 2 }, nas: { jobs: 2, busy: 0.08 } } },
      { index: 1, backends: { nas: { jobs: 4, busy: 0.4, limit: 1 } } },
    ])
    // Prometheus reads the same integrals.
    const metrics = await registry.metrics()
    expect(metrics).toContain('backend_busy_seconds_total{backend="gpu"} 3.7\n')
    expect(metrics).toContain('backend_busy_seconds_total{backend="nas"} 2.4\n')
    expect(metrics).toContain('backend_load_seconds_total{backend="gpu"} 2.35\n')

    // 75 s: the minute has forgotten all of it, the quarter has not.
    clock.advance(61_000)
    const later = await reportOf(url)
    expect(later.windows.minute).toMatchObject({ length: 55_000, rate: 0, latencies: {} })
    expect(later.windows.quarter).toMatchObject({ length: 75_000, rate: 0.12 })
    expect((await backend('gpu')).minute).toEqual({ jobs: 0, busy: 0, load: 0, latencies: {}, verdicts: {} })
    expect((await backend('gpu')).quarter).toMatchObject({ jobs: 3, busy: 0.049, verdicts: { fault: 3 } })

    // The GPU is back: it has a share again, and its failures are gone from the minute.
    await job(image, gpu, 2_000)
    clock.advance(1_000)
    expect(await backend('gpu')).toMatchObject({
      models: ['ViT-B-32__openai', 'buffalo_l'],
      minute: { jobs: 1, share: 1, busy: 0.034, load: 0.017, verdicts: {} },
      quarter: { jobs: 4, share: 0.4, verdicts: { fault: 3 } },
    })
    clock.advance(900_000)
    expect((await reportOf(url)).windows.quarter).toMatchObject({ length: 898_000, rate: 0 })
  })

  it('tell queued requests from held ones, and count no share for a drained backend', async () => {
    const { url, clock, router, gpu, nas, job, backend, isOver } = await scriptedPair({ hold: '1h' })
    await job(image, gpu, 1_000)
    const images = [post(url, image), post(url, image), post(url, image)]
    const begun = [await gpu.next(), await gpu.next()]
    await until(() => router.status().routes[1]?.waiting.full === 1, 'the third image waits')
    clock.advance(1_000)
    expect(await backend('gpu')).toMatchObject({
      inFlight: 2,
      limit: 2,
      queued: 1,
      held: 0,
      minute: { share: 1, busy: 1, load: 0.75 },
    })
    void router.drain('gpu')
    // The third image goes to the NAS.
    ;(await nas.next()).answer()
    for (const taken of begun) taken.answer()
    await Promise.all(images)
    await isOver(4)
    clock.advance(1_000)
    const { health, minute } = await backend('gpu')
    expect([health.state, minute.jobs, minute.share]).toEqual(['drained', 3, undefined])
    expect((await backend('nas')).minute).toMatchObject({ jobs: 1, share: 0.25 })

    const leaving = new AbortController()
    void router.drain('nas')
    const held = post(url, image, { signal: leaving.signal }).catch(() => {})
    await until(() => router.status().routes[1]?.waiting.unavailable === 1, 'an image is held')
    clock.advance(1_000)
    expect(await backend('nas')).toMatchObject({ queued: 0, held: 1 })
    leaving.abort()
    await held
  })
})

it('shares and busy times on real sockets are those of the attempts', async () => {
  const [a, b] = [await stubMl({ serviceTime: 40 }), await stubMl({ serviceTime: 40 })]
  const router = createRouter({
    health: false,
    backends: { a: { url: a.url, maxConcurrent: 4, weight: 3 }, b: { url: b.url, maxConcurrent: 4 } },
    routes: [{ backends: ['a', 'b'], strategy: 'weighted-round-robin' }],
  })
  const page = statusPage(router)
  onTestFinished(async () => {
    page.close()
    await router.close({ timeout: 0 })
  })
  const busy = { a: 0, b: 0 }
  router.on('request', ({ attempts }) => {
    for (const { backend, time } of attempts) if (backend === 'a' || backend === 'b') busy[backend] += time
  })
  const { url } = await listen((req, res) => page(req, res, () => router.handle(req, res)))
  // One after the other, so that the durations of the attempts do not overlap.
  for (let i = 0; i < 24; i++) await post(url, search)
  const { windows, backends } = await reportOf(url)
  const [ofA, ofB] = backends.map(({ minute }) => minute)
  expect([ofA?.jobs, ofA?.share, ofB?.jobs, ofB?.share]).toEqual([18, 0.75, 6, 0.25])
  expect(Math.abs((ofA?.busy ?? 0) - busy.a / windows.minute.length)).toBeLessThan(0.03)
  expect(Math.abs((ofB?.busy ?? 0) - busy.b / windows.minute.length)).toBeLessThan(0.03)
  expect(ofA?.busy).toBeGreaterThan(0.1)
})
