import { readFile, writeFile } from 'node:fs/promises'
import { immichForm, UNDECODABLE } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { pass, passUntil, serveWithQueues, statePath, stubImmich } from './support/immich-stage.ts'
import { stubMl, until } from './support/servers.ts'

const MISSING = 'PUT /api/jobs/smartSearch {"command":"start","force":false}'

async function stage(hold: string | false = '30s') {
  const [immich, gpu] = [await stubImmich(), await stubMl()]
  const file = await statePath()
  const options = {
    backends: { gpu: { url: gpu.url } },
    hold,
    canary: true,
    immich: { url: immich.url, apiKey: immich.key, file },
  }
  const served = await serveWithQueues(options)
  await passUntil(served.clock, () => served.queues.view()?.updated !== undefined, 'Immich was asked')
  const lost = () =>
    Object.fromEntries(served.queues.view()?.queues.map(({ name, lost }) => [name, lost]) ?? [])
  return { ...served, immich, gpu, file, options, lost }
}

/** Has the router hold a job until it gives up. */
async function loseOne({ gpu, clock, send, router }: Awaited<ReturnType<typeof stage>>) {
  await gpu.setFault('refuse')
  const answer = send('indexing')
  await until(() => router.status().active === 1, 'the job is here')
  let isOver = false
  const over = answer.finally(() => {
    isOver = true
  })
  await passUntil(clock, () => isOver, 'the hold expires')
  expect((await over).status).toBe(503)
}

describe('a job whose hold expires', () => {
  it('is queued again once the backend is healthy, and only once', async () => {
    const all = await stage()
    const { immich, gpu, clock, lost, messages } = all
    await loseOne(all)
    immich.queue('smartSearch').missing = 1
    expect(lost()).toEqual({ smartSearch: 1, faceDetection: 0, ocr: 0 })
    await pass(clock, 120)
    expect(immich.changes).toEqual([])
    await gpu.setFault(undefined)
    await passUntil(clock, () => immich.changes.length > 0, 'Missing is started')
    immich.queue('smartSearch').waiting = 0
    await pass(clock, 300)
    expect(immich.changes).toEqual([MISSING])
    expect(lost()).toEqual({ smartSearch: 0, faceDetection: 0, ocr: 0 })
    expect(messages().filter((message) => message === 'immich jobs queued again')).toHaveLength(1)
  })

  it('waits until the queue is empty and not paused by a user', async () => {
    const all = await stage()
    const { immich, gpu, clock } = all
    await loseOne(all)
    Object.assign(immich.queue('smartSearch'), { active: 2, waiting: 40 })
    await gpu.setFault(undefined)
    await pass(clock, 120)
    Object.assign(immich.queue('smartSearch'), { active: 0, waiting: 0, isPaused: true })
    await pass(clock, 60)
    expect(immich.changes).toEqual([])
    immich.queue('smartSearch').isPaused = false
    await passUntil(clock, () => immich.changes.length > 0, 'Missing is started')
  })

  it('is queued again in each outage, but a backend that loses all is left alone for longer and longer', async () => {
    const all = await stage()
    const { immich, gpu, clock } = all
    const lose = async () => {
      await loseOne(all)
      await gpu.setFault(undefined)
      const before = immich.changes.length
      return passUntil(clock, () => immich.changes.length > before, 'Missing is started', 7_200)
    }
    expect(await lose()).toBeLessThan(120)
    await pass(clock, 600)
    expect(await lose()).toBeLessThan(120)
    expect(await lose()).toBeGreaterThan(600)
  })

  it('is not queued again with heal: false', async () => {
    const all = await stage()
    const { immich, gpu, clock, router, options } = all
    router.reload({ ...options, immich: { ...options.immich, heal: false } })
    await loseOne(all)
    await gpu.setFault(undefined)
    await pass(clock, 300)
    expect(immich.changes).toEqual([])
  })
})

describe('jobs that fail for reasons of their own', () => {
  it('are not queued again: an image that no backend can decode', async () => {
    const { immich, clock, url, lost, requests } = await stage()
    const image = new Blob([UNDECODABLE])
    for (const job of ['indexing', 'faces'] as const) {
      const response = await fetch(`${url}/predict`, { method: 'POST', body: immichForm(job, image) })
      expect(response.status).toBe(500)
    }
    expect(requests.map(({ outcome }) => outcome?.kind)).toEqual(['answered', 'answered'])
    await pass(clock, 300)
    expect([immich.changes, lost()]).toEqual([[], { smartSearch: 0, faceDetection: 0, ocr: 0 }])
  })

  it('are not queued again: a request that the ML server refuses', async () => {
    const { immich, gpu, clock, send, lost } = await stage()
    await gpu.setFault({ kind: 'status', status: 422, detail: 'Invalid request format.' })
    await send('ocr')
    await gpu.setFault(undefined)
    await pass(clock, 300)
    expect([immich.changes, lost()]).toEqual([[], { smartSearch: 0, faceDetection: 0, ocr: 0 }])
  })

  it('do not count, nor do searches, in an outage that lost others', async () => {
    const all = await stage()
    const { gpu, clock, send, lost } = all
    await loseOne(all)
    let isOver = false
    const search = send('textSearch').finally(() => {
      isOver = true
    })
    await passUntil(clock, () => isOver, 'the search fails')
    expect((await search).status).toBe(503)
    await gpu.setFault(undefined)
    expect(lost()).toEqual({ smartSearch: 1, faceDetection: 0, ocr: 0 })
  })
})

describe('lost jobs', () => {
  it('are known to the next router', async () => {
    const all = await stage()
    const { immich, gpu, file, router, options } = all
    await loseOne(all)
    await router.close({ timeout: 0 })
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ lost: { smartSearch: 1 }, busy: [] })
    await gpu.setFault(undefined)
    const next = await serveWithQueues(options)
    await passUntil(next.clock, () => immich.changes.length > 0, 'Missing is started')
    expect(immich.changes).toEqual([MISSING])
  })

  it('include held jobs that a stop cuts', async () => {
    const { gpu, send, router, file } = await stage()
    await gpu.setFault('refuse')
    const answer = send('faces')
    await until(() => router.status().active === 1, 'the job is here')
    await router.close({ timeout: 0 })
    expect((await answer).status).toBe(503)
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ lost: { faceDetection: 1 } })
  })

  it('include those of a crash, which has left the queue busy on disk', async () => {
    const { immich, gpu, send, router, file, options } = await stage()
    await gpu.setFault('refuse')
    const leaving = new AbortController()
    const answer = send('faces', leaving.signal).catch(() => {})
    await until(
      async () => (await readFile(file, 'utf8').catch(() => '')).includes('"busy":["faceDetection"]'),
      'on disk',
    )
    const crashed = await readFile(file)
    leaving.abort()
    await answer
    await router.close({ timeout: 0 })
    await writeFile(file, crashed)
    await gpu.setFault(undefined)
    const next = await serveWithQueues(options)
    await passUntil(next.clock, () => immich.changes.length > 0, 'Missing is started')
    expect(immich.changes).toEqual(['PUT /api/jobs/faceDetection {"command":"start","force":false}'])
    expect(next.messages()).toContain('immich jobs may be lost: the router did not stop as planned')
  })

  it.each([
    ['corrupt', '{"version":1,"url"'],
    ['of another version', '{"version":99,"url":"http://x","lost":{"ocr":5}}'],
    ['a list', '[]'],
    ['too large', ' '.repeat(70_000)],
    ['of wrong types', '{"version":1,"url":7}'],
  ])('in a file that is %s are ignored, and the file is replaced', async (_what, text) => {
    const [immich, gpu, file] = [await stubImmich(), await stubMl(), await statePath()]
    await writeFile(file, text)
    const served = await serveWithQueues({
      backends: { gpu: { url: gpu.url } },
      immich: { url: immich.url, apiKey: immich.key, file },
    })
    await until(
      () => served.messages().some((message) => message.startsWith('immich file ignored')),
      'a line',
    )
    await served.router.close({ timeout: 0 })
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ version: 1, lost: {} })
  })
})
