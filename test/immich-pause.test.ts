import { readdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pass, passUntil, serveWithQueues, statePath, stubImmich } from './support/immich-stage.ts'
import { stubMl, until } from './support/servers.ts'

async function stage() {
  const [immich, gpu] = [await stubImmich(), await stubMl()]
  const file = await statePath()
  const options = {
    backends: { gpu: { url: gpu.url } },
    immich: { url: immich.url, apiKey: immich.key, pauseWhileDown: true, file },
  }
  const served = await serveWithQueues(options)
  await passUntil(served.clock, () => served.queues.view()?.updated !== undefined, 'Immich was asked')
  return { ...served, immich, gpu, file, options }
}

describe('an outage', () => {
  it('of more than a minute pauses the queues, and its end resumes them', async () => {
    const { immich, gpu, clock, queues, messages } = await stage()
    await gpu.setFault('refuse')
    expect(await passUntil(clock, () => immich.paused.length === 3, 'all are paused')).toBeGreaterThanOrEqual(
      60,
    )
    await passUntil(
      clock,
      () => queues.view()?.queues.every(({ pausedBy }) => pausedBy === 'router') ?? false,
      'it is shown',
    )
    await gpu.setFault(undefined)
    await passUntil(clock, () => immich.paused.length === 0, 'all are resumed')
    expect(immich.changes).toHaveLength(6)
    expect(messages().filter((message) => message === 'immich queue paused')).toHaveLength(3)
  })

  it('of less than a minute pauses nothing', async () => {
    const { immich, gpu, clock } = await stage()
    await gpu.setFault('refuse')
    await pass(clock, 45)
    await gpu.setFault(undefined)
    await pass(clock, 120)
    expect(immich.changes).toEqual([])
  })

  it('of one task pauses its queue only', async () => {
    const [immich, gpu, nas] = [await stubImmich(), await stubMl(), await stubMl()]
    const { clock, queues } = await serveWithQueues({
      backends: {
        gpu: { url: gpu.url, tasks: ['clip'] },
        nas: { url: nas.url, tasks: ['facial-recognition', 'ocr'] },
      },
      immich: { url: immich.url, apiKey: immich.key, pauseWhileDown: true, file: await statePath() },
    })
    await passUntil(clock, () => queues.view()?.updated !== undefined, 'Immich was asked')
    await gpu.setFault('refuse')
    await passUntil(clock, () => immich.paused.length > 0, 'one is paused')
    await pass(clock, 60)
    expect(immich.paused).toEqual(['smartSearch'])
  })

  it('leaves the queues alone without pauseWhileDown', async () => {
    const { immich, gpu, clock, router, options } = await stage()
    const { pauseWhileDown: _, ...access } = options.immich
    router.reload({ ...options, immich: access })
    await gpu.setFault('refuse')
    await pass(clock, 180)
    expect(immich.changes).toEqual([])
  })
})

describe('a pause of a user', () => {
  it('is never undone', async () => {
    const { immich, gpu, clock, queues } = await stage()
    immich.queue('ocr').isPaused = true
    await gpu.setFault('refuse')
    await passUntil(clock, () => immich.paused.length === 3, 'all are paused')
    await passUntil(clock, () => queues.view()?.queues.at(0)?.pausedBy === 'router', 'it is shown')
    expect(queues.view()?.queues.map(({ pausedBy }) => pausedBy)).toEqual(['router', 'router', 'user'])
    await gpu.setFault(undefined)
    await passUntil(clock, () => immich.paused.length === 1, 'the others are resumed')
    await pass(clock, 120)
    expect(immich.paused).toEqual(['ocr'])
    expect(immich.changes.filter((change) => change.includes('/ocr'))).toEqual([])
  })

  it('that follows a resume by the user is one as well', async () => {
    const { immich, gpu, clock, messages } = await stage()
    await gpu.setFault('refuse')
    await passUntil(clock, () => immich.paused.length === 3, 'all are paused')
    immich.queue('ocr').isPaused = false
    await passUntil(clock, () => messages().includes('immich queue was resumed by a user'), 'it is noticed')
    await pass(clock, 120)
    expect(immich.paused).toEqual(['smartSearch', 'faceDetection'])
    immich.queue('ocr').isPaused = true
    await gpu.setFault(undefined)
    await passUntil(clock, () => immich.paused.length === 1, 'the others are resumed')
    await pass(clock, 60)
    expect(immich.paused).toEqual(['ocr'])
  })
})

describe('the fact that queues are paused', () => {
  it('is on disk before they are, and the next router resumes them', async () => {
    const { immich, gpu, clock, file, options, router } = await stage()
    await gpu.setFault('refuse')
    immich.fault = 'lost'
    await passUntil(clock, () => immich.paused.length === 3, 'all are paused')
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      paused: ['smartSearch', 'faceDetection', 'ocr'],
    })
    await router.close({ timeout: 0 })
    immich.fault = undefined
    await gpu.setFault(undefined)
    const next = await serveWithQueues(options)
    await passUntil(next.clock, () => immich.paused.length === 0, 'all are resumed')
  })

  it('is needed: with a file that cannot be written nothing is paused, and the reason is shown', async () => {
    const [immich, gpu] = [await stubImmich(), await stubMl()]
    const { clock, router, messages } = await serveWithQueues({
      backends: { gpu: { url: gpu.url } },
      immich: {
        url: immich.url,
        apiKey: immich.key,
        pauseWhileDown: true,
        file: '/proc/nowhere/queues.json',
      },
    })
    await gpu.setFault('refuse')
    await pass(clock, 150)
    expect(immich.paused).toEqual([])
    await until(() => messages().includes('immich file not written'), 'a line')
    expect(router.status().notices).toMatchObject([
      { kind: 'immich.file', message: expect.stringContaining('ENOENT') },
    ])
  })
})

describe('a planned stop', () => {
  it('pauses all queues, also those without a job', async () => {
    const { immich, queues } = await stage()
    await queues.prepareStop()
    expect(immich.paused).toHaveLength(3)
  })

  it.each(['silent', 'html', 'error'] as const)('goes on when Immich is %s', async (fault) => {
    const { immich, queues } = await stage()
    immich.fault = fault
    const start = performance.now()
    await queues.prepareStop()
    expect(performance.now() - start).toBeLessThan(4_000)
    expect(immich.paused).toEqual([])
  })

  it('is not delayed by queues of no interest', async () => {
    const { immich, queues, router, options } = await stage()
    const { immich: _, ...without } = options
    router.reload(without)
    await queues.prepareStop()
    expect([queues.view(), immich.changes]).toEqual([undefined, []])
  })
})

describe('a reload', () => {
  it.each(['immich is removed', 'pauseWhileDown is off'])('resumes what is paused when %s', async (how) => {
    const { immich, gpu, clock, router, options } = await stage()
    await gpu.setFault('refuse')
    await passUntil(clock, () => immich.paused.length === 3, 'all are paused')
    const { immich: access, ...without } = options
    router.reload(
      how === 'immich is removed' ? without : { ...without, immich: { ...access, pauseWhileDown: false } },
    )
    await passUntil(clock, () => immich.paused.length === 0, 'all are resumed')
  })

  it.each([undefined, 'silent'] as const)(
    'that a close follows resumes first, unless Immich is %s',
    async (fault) => {
      const { immich, gpu, clock, router, options, file } = await stage()
      await gpu.setFault('refuse')
      await passUntil(clock, () => immich.paused.length === 3, 'all are paused')
      immich.fault = fault
      const { immich: _, ...without } = options
      router.reload(without)
      const start = performance.now()
      await router.close({ timeout: 0 })
      expect(performance.now() - start).toBeLessThan(4_000)
      const left = fault === undefined ? [] : ['smartSearch', 'faceDetection', 'ocr']
      expect(immich.paused).toEqual(left)
      expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ paused: left })
      expect(await readdir(dirname(file))).toEqual(['queues.json'])
    },
  )

  it('attaches Immich to a router that had none', async () => {
    const [immich, gpu] = [await stubImmich(), await stubMl()]
    const backends = { gpu: { url: gpu.url } }
    const { clock, queues, router } = await serveWithQueues({ backends })
    expect([queues.view(), clock.now(), immich.calls]).toEqual([undefined, 0, 0])
    router.reload({ backends, immich: { url: immich.url, apiKey: immich.key, file: await statePath() } })
    await passUntil(clock, () => queues.view()?.updated !== undefined, 'Immich was asked')
  })
})
