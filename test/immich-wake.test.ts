import { describe, expect, it } from 'vitest'
import { pass, passUntil, serveWithQueues, statePath, stubImmich } from './support/immich-stage.ts'
import { listen, stubMl } from './support/servers.ts'

/** A GPU machine that sleeps until its hook is called. */
async function stage(when: object, pauseWhileDown = true) {
  const [immich, gpu] = [await stubImmich(), await stubMl({ fault: 'refuse' })]
  const calls: number[] = []
  const hook = await listen((_req, res) => {
    calls.push(served.clock.now())
    void gpu.setFault(undefined).then(() => res.end())
  })
  const served = await serveWithQueues({
    backends: { gpu: { url: gpu.url, wake: { url: hook.url, when } } },
    immich: { url: immich.url, apiKey: immich.key, pauseWhileDown, file: await statePath() },
  })
  return { ...served, immich, gpu, calls }
}

describe('a machine that sleeps', () => {
  it('is woken when enough jobs wait in Immich, whose queues are paused, and then gets them', async () => {
    const { immich, clock, calls, queues } = await stage({ queued: 200 })
    immich.queue('smartSearch').waiting = 150
    await passUntil(clock, () => immich.paused.length === 3, 'the queues are paused')
    await pass(clock, 120)
    expect([calls, queues.expects('gpu')]).toEqual([[], true])
    immich.queue('faceDetection').waiting = 50
    await passUntil(clock, () => calls.length > 0, 'the machine is woken')
    await passUntil(clock, () => immich.paused.length === 0, 'the queues are resumed')
  })

  it('is woken at the latest after a time', async () => {
    const { immich, clock, calls } = await stage({ queued: 200, atMostAfter: '5m' })
    immich.queue('ocr').waiting = 1
    await passUntil(clock, () => immich.paused.length === 3, 'the queues are paused')
    expect(await passUntil(clock, () => calls.length > 0, 'the machine is woken')).toBeGreaterThan(200)
  })

  it('is woken at once by a search, and not by a held image', async () => {
    const { clock, calls, send, router } = await stage({ queued: 200 }, false)
    const image = send('indexing')
    await passUntil(
      clock,
      () => router.status().backends.some(({ waiting }) => waiting.unavailable > 0),
      'the image is held',
    )
    await pass(clock, 60)
    expect(calls).toEqual([])
    const search = send('textSearch')
    await passUntil(clock, () => calls.length > 0, 'the machine is woken')
    let answered = 0
    void search.then(() => answered++)
    void image.then(() => answered++)
    await passUntil(clock, () => answered === 2, 'both are answered')
    expect([(await search).status, (await image).status]).toEqual([200, 200])
  })

  it('sleeps on when a user has paused the queues, or nothing waits', async () => {
    const { immich, clock, calls, queues } = await stage({ queued: 1 })
    Object.assign(immich.queue('ocr'), { waiting: 500, isPaused: true })
    await passUntil(clock, () => immich.paused.length === 3, 'the others are paused')
    await pass(clock, 120)
    expect([calls, queues.expects('gpu')]).toEqual([[], false])
  })
})

it('the expected end follows from the jobs that are done', async () => {
  const [immich, gpu] = [await stubImmich(), await stubMl()]
  const { clock, queues, send } = await serveWithQueues({
    backends: { gpu: { url: gpu.url } },
    immich: { url: immich.url, apiKey: immich.key, file: await statePath() },
  })
  immich.queue('ocr').waiting = 600
  await passUntil(clock, () => queues.view()?.updated !== undefined, 'Immich was asked')
  for (let minute = 0; minute < 2; minute++) {
    await Promise.all(Array.from({ length: 60 }, () => send('ocr')))
    await pass(clock, 60)
  }
  const ocr = queues.view()?.queues.find(({ name }) => name === 'ocr')
  expect(ocr?.rate).toBeGreaterThan(0.7)
  expect(ocr?.rate).toBeLessThan(1.3)
  const seconds = ((ocr?.expectedEnd ?? 0) - Date.now()) / 1_000
  expect(seconds).toBeGreaterThan(400)
  expect(seconds).toBeLessThan(900)
})
