import { immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { fastClock } from './support/fast-clock.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl, until } from './support/servers.ts'

const SEARCH = immichBody('textSearch', 'cat')
const IMAGE = immichBody('indexing', Buffer.from('a photo'))
/** The router's clock runs so many times as fast. */
const FASTER = 20

async function setUp({ alone = false, coldStart = 0, health = {} as object | false } = {}) {
  const [gpu, nas] = [await stubMl({ coldStart }), await stubMl()]
  const served = await serveRouter({
    backends: { gpu: { url: gpu.url }, ...(alone ? {} : { nas: { url: nas.url } }) },
    routes: [{ backends: alone ? ['gpu'] : ['gpu', 'nas'], strategy: 'first' }],
    clock: fastClock(FASTER),
    canary: true,
    hold: '12h',
    health: health === false ? false : { timeout: '2s', ...health },
  })
  const by = async (body: Buffer) => (await post(served.url, body)).headers['x-immich-ml-backend']
  return { gpu, nas, by, ...served }
}

describe('a backend that freezes', () => {
  it('keeps no search waiting: a copy goes to another backend, and the next ones as well', async () => {
    const { gpu, router, by } = await setUp()
    expect(await by(SEARCH)).toBe('gpu')
    await gpu.setFault('freeze')
    const isEjected = () => router.status().backends[0]?.health.reachable.kind === 'open'
    await until(async () => {
      expect(await by(SEARCH)).toBe('nas')
      return isEjected()
    }, 'it is ejected')
    const { started } = gpu
    expect(await by(SEARCH)).toBe('nas')
    expect(gpu.started).toBe(started)
  })

  it('gives back its images, which go to another backend at no attempt', async () => {
    const { gpu, requests, by } = await setUp()
    expect(await by(IMAGE)).toBe('gpu')
    await gpu.setFault('freeze')
    expect(await Promise.all([by(IMAGE), by(IMAGE)])).toEqual(['nas', 'nas'])
    const outcomes = requests
      .at(-1)
      ?.attempts.map(({ outcome }) => Reflect.get(outcome, 'cause') ?? outcome.kind)
    expect(outcomes).toEqual(['frozen', 'answered'])
  })

  it('gives back its images when it still answers /ping', async () => {
    const { gpu, router, by } = await setUp()
    expect(await by(IMAGE)).toBe('gpu')
    await gpu.setFault('hang')
    expect(await by(IMAGE)).toBe('nas')
    const { tasks, lastError } = router.status().backends[0]?.health ?? {}
    expect([Object.keys(tasks ?? {}), lastError?.reason]).toEqual([
      ['clip/visual'],
      expect.stringContaining('frozen: a canary failed (no answer in'),
    ])
  })

  it('alone gets its images again when it is back', async () => {
    const { gpu, router, by } = await setUp({ alone: true })
    expect(await by(IMAGE)).toBe('gpu')
    await gpu.setFault('freeze')
    const image = by(IMAGE)
    await until(() => Object.values(router.status().held).includes(1), 'the image is held')
    await gpu.setFault(undefined)
    expect(await image).toBe('gpu')
  })

  it('is not a GPU that loads a model for 60 s', async () => {
    const { gpu, router, by } = await setUp({ alone: true, coldStart: 60_000 / FASTER })
    expect(await by(IMAGE)).toBe('gpu')
    expect([gpu.started, router.status().backends[0]?.health.ejections]).toEqual([1, 0])
  })
})
