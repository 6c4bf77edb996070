import { explanationText } from '@immich-ml-router/core'
import { FakeClock, immichBody, type StubMlServer, type TaskInput } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { agreementPool, clipServer } from './support/agreement-pool.ts'
import { classified } from './support/classifications.ts'
import { post } from './support/client.ts'
import type { ClipOptions } from './support/made-up-clip.ts'
import { stubMl, until } from './support/servers.ts'

const PHOTO = immichBody('indexing', Buffer.from('a photo'))
const SEARCH = immichBody('textSearch', 'a red car')
const FACES = immichBody('faces', Buffer.from('a photo of Ada'))
const TEXTS = immichBody('ocr', Buffer.from('a photo of a sign'))
const HOUR = 3_600_000
const LONGER: ClipOptions = { length: 640 }
const DISAGREE = 'gpu and hailo disagree on ViT-B-32__openai: 512 and 640 values'

/** Requests so far that were not sent by the test, but by the router. */
const questions = (servers: readonly StubMlServer[], sent: number) =>
  servers.reduce((sum, { started }) => sum + started, 0) - sent

describe('backends that disagree', () => {
  // https://github.com/immich-app/immich/issues/15764, 15848, 15870, 17981
  it.each<[string, Buffer, ClipOptions, RegExp]>([
    ['another version, with a longer embedding', PHOTO, LONGER, /512 and 640 values/],
    ['a port that ignores the name of the model', SEARCH, { weights: 'RN50__openai' }, /cosine -?0\.\d/],
    ['another model in the cache', PHOTO, { weights: 'ViT-B-16__openai' }, /cosine -?0\.\d/],
    ['a port that squeezes images', PHOTO, { squeezes: true }, /cosine -?0\.\d/],
    ['a precision of one bit', PHOTO, { bits: 0 }, /cosine 0\.9[0-8]/],
  ])('are found: %s', async (_, body, options, difference) => {
    const pool = await agreementPool({ gpu: await clipServer(), hailo: await clipServer(() => options) })
    await pool.send(body)
    const reason = new RegExp(`^gpu and hailo disagree on ViT-B-32__openai: ${difference.source}`)
    expect(pool.reasons()).toEqual([expect.stringMatching(reason)])
    expect(pool.changes).toContainEqual(
      expect.objectContaining({ backend: 'hailo', kind: 'model-problem', fixed: false }),
    )
    expect(pool.router.status().notices).toEqual([
      expect.objectContaining({ kind: 'agreement', level: 'error', message: expect.stringMatching(reason) }),
    ])
    // With `warn`, both go on.
    await pool.send(body, 2)
    expect([...pool.servedBy(2)].sort()).toEqual(['gpu', 'hailo'])
  })

  it('are not fp16 and fp32', async () => {
    const pool = await agreementPool({
      gpu: await clipServer(() => ({ bits: 10 })),
      nas: await clipServer(() => ({ bits: 23 })),
    })
    await pool.send(PHOTO)
    await pool.send(SEARCH)
    expect(pool.reasons()).toEqual([])
    expect(pool.router.status().backends.map(({ canaries }) => canaries.passed)).toEqual([2, 2])
  })

  it('are found by faces, on a request that had some', async () => {
    const face = (x: number, score = 0.9) => ({
      boundingBox: { x1: x, y1: 10, x2: x + 100, y2: 130 },
      score,
      embedding: '[0.6,0.8]',
    })
    const faces = (result: readonly object[]) => ({
      result: ({ task }: TaskInput) => (task === 'facial-recognition' ? result : undefined),
    })
    const [gpu, nas] = [await stubMl(faces([face(10), face(300)])), await stubMl(faces([face(12)]))]
    const pool = await agreementPool({ gpu, nas })
    await pool.send(FACES)
    expect(pool.reasons()).toEqual(['gpu and nas disagree on buffalo_l: 2 and 1 face'])
    expect(new Set([...gpu.received, ...nas.received].map(({ size }) => size)).size).toBeLessThanOrEqual(2)
  })

  it('are found by the text that they read', async () => {
    const reads = (text: string) => ({
      result: ({ task }: TaskInput) => (task === 'ocr' ? { text: [text] } : undefined),
    })
    const servers = {
      gpu: await stubMl(reads('MORE LIGHT 27')),
      nas: await stubMl(reads('more  light Z7')),
      npu: await stubMl(reads('WOBE 1IQHL')),
    }
    const pool = await agreementPool(servers)
    await pool.send(TEXTS)
    expect(pool.reasons()).toEqual([
      'gpu and npu disagree on PP-OCRv5_mobile: "MORE LIGHT 27" and "WOBE 1IQHL"',
    ])
  })

  it('are found by an answer without an embedding', async () => {
    const broken = await stubMl({ result: () => 'no numbers' })
    const pool = await agreementPool({ gpu: await clipServer(), hailo: broken })
    await pool.send(PHOTO)
    expect(pool.reasons()).toEqual([
      'gpu and hailo disagree on ViT-B-32__openai: 512 values and no embedding',
    ])
  })
})

describe('agreement: exclude', () => {
  it('keeps the model from the minority of three', async () => {
    const servers = {
      hailo: await clipServer(() => LONGER),
      gpu: await clipServer(),
      nas: await clipServer(),
    }
    const pool = await agreementPool(servers, { agreement: 'exclude' })
    await pool.send(PHOTO)
    expect(pool.reasons()).toEqual(['gpu and hailo disagree on ViT-B-32__openai: 512 and 640 values'])
    await pool.send(PHOTO, 6)
    expect(new Set(pool.servedBy(6))).toEqual(new Set(['gpu', 'nas']))
    // It keeps its other models.
    await pool.send(TEXTS, 3)
    expect(pool.servedBy(3)).toContain('hailo')
  })

  it('keeps the model from all but the first where there is no majority, and says so', async () => {
    const servers = { gpu: await clipServer(), hailo: await clipServer(() => LONGER) }
    const pool = await agreementPool(servers, { agreement: 'exclude' })
    await pool.send(PHOTO)
    await pool.send(PHOTO, 4)
    expect(new Set(pool.servedBy(4))).toEqual(new Set(['gpu']))
    const explained = explanationText(
      pool.router.explain(classified('image', 'clip/visual/ViT-B-32__openai')),
    )
    expect(explained).toContain(`excluded, as ${DISAGREE}`)
  })

  it('holds jobs rather than to send them to the minority', async () => {
    const servers = { gpu: await clipServer(), hailo: await clipServer(() => LONGER) }
    const pool = await agreementPool(servers, { agreement: 'exclude', hold: '1h' })
    await pool.send(PHOTO)
    await servers.gpu.setFault('refuse')
    const before = servers.hailo.started
    const held = post(pool.url, PHOTO)
    await until(() => pool.router.status().held['all'] === 1, 'the job is held')
    expect(servers.hailo.started).toBe(before)
    await servers.gpu.setFault(undefined)
    expect((await held).status).toBe(200)
    expect(pool.servedBy(1)).toEqual(['gpu'])
  })

  it('ends once the backend is mended and was away', async () => {
    let options: ClipOptions = LONGER
    const servers = { gpu: await clipServer(), hailo: await clipServer(() => options) }
    const pool = await agreementPool(servers, { agreement: 'exclude' })
    await pool.send(PHOTO)
    expect(pool.reasons()).toEqual([DISAGREE])
    options = {}
    await pool.router.drain('hailo')
    pool.router.enable('hailo')
    await pool.send(PHOTO, 2)
    expect(pool.reasons()).toEqual([])
    expect(pool.router.status().notices).toEqual([])
    expect(pool.changes).toContainEqual(expect.objectContaining({ kind: 'model-problem', fixed: true }))
    await pool.send(PHOTO, 2)
    expect([...pool.servedBy(2)].sort()).toEqual(['gpu', 'hailo'])
  })

  it('ends with a reload to off', async () => {
    const servers = { gpu: await clipServer(), hailo: await clipServer(() => LONGER) }
    const pool = await agreementPool(servers, { agreement: 'exclude' })
    await pool.send(PHOTO)
    const config = pool.router.modules.config()
    expect(pool.router.reload({ ...config, agreement: 'off' }).options).toEqual(['agreement'])
    expect(pool.reasons()).toEqual([])
    const sent = servers.hailo.started + servers.gpu.started
    await pool.send(PHOTO, 4)
    expect(questions(Object.values(servers), sent)).toBe(4)
    expect(pool.servedBy(4)).toContain('hailo')
  })
})

describe('questions about agreement', () => {
  it('are asked once a day', async () => {
    const clock = new FakeClock()
    const servers = { gpu: await clipServer(), nas: await clipServer() }
    const pool = await agreementPool(servers, { clock })
    await pool.send(PHOTO, 6)
    expect(questions(Object.values(servers), 6)).toBe(2)
    clock.shift(23 * HOUR)
    await pool.send(PHOTO, 4)
    expect(questions(Object.values(servers), 10)).toBe(2)
    clock.shift(HOUR)
    await pool.send(PHOTO, 4)
    expect(questions(Object.values(servers), 14)).toBe(4)
  })

  it('are asked again after a reload', async () => {
    const servers = { gpu: await clipServer(), nas: await clipServer() }
    const pool = await agreementPool(servers)
    await pool.send(PHOTO)
    pool.router.reload({ ...pool.router.modules.config(), maxBodySize: '16mb' })
    await pool.send(PHOTO)
    expect(questions(Object.values(servers), 8)).toBe(4)
  })

  it.each([
    ['within the hour', HOUR - 60_000, 1],
    ['before', HOUR, 0],
  ])('depend on whether another backend has served the model %s', async (_, passed, expected) => {
    const clock = new FakeClock()
    const servers = { gpu: await clipServer(), nas: await clipServer() }
    const pool = await agreementPool(servers, {
      clock,
      routes: [{ backends: ['gpu', 'nas'], strategy: 'first' }],
    })
    await pool.send(PHOTO, 2)
    expect(questions(Object.values(servers), 2)).toBe(0)
    await pool.router.drain('gpu')
    clock.shift(passed)
    await pool.send(PHOTO, 2)
    // The other one is not asked now: its model may have been unloaded.
    expect([servers.gpu.started, servers.nas.started]).toEqual([2, 2 + expected])
  })

  it('are not sent to a backend that is drained, even if it is excluded', async () => {
    const servers = { gpu: await clipServer(), hailo: await clipServer(() => LONGER) }
    const pool = await agreementPool(servers, { agreement: 'exclude' })
    await pool.send(PHOTO)
    expect(pool.reasons()).toEqual([DISAGREE])
    await pool.router.drain('hailo')
    pool.router.reload({ ...pool.router.modules.config(), maxBodySize: '16mb' })
    const before = servers.hailo.started
    await pool.send(PHOTO, 4)
    expect(servers.hailo.started).toBe(before)
    expect(pool.reasons()).toEqual([DISAGREE])
  })

  it('wait while the backend is at its limit', async () => {
    const servers = { gpu: await clipServer(), nas: await stubMl({ serviceTime: 200 }) }
    const pool = await agreementPool(servers, {
      backends: { gpu: { url: servers.gpu.url }, nas: { url: servers.nas.url, maxConcurrent: 1 } },
    })
    await pool.router.drain('nas')
    await pool.send(PHOTO, 1)
    pool.router.enable('nas')
    await pool.router.drain('gpu')
    await Promise.all([post(pool.url, PHOTO), post(pool.url, PHOTO)])
    await until(() => servers.nas.received.length === 3, 'the question arrives')
    const isQuestion = ({ size }: { readonly size: number }) => size > 50_000
    expect(servers.nas.received.map(isQuestion)).toEqual([false, false, true])
  })

  it('are not asked without canaries', async () => {
    const servers = { gpu: await clipServer(), hailo: await clipServer(() => LONGER) }
    const pool = await agreementPool(servers, { canary: false })
    await pool.send(PHOTO)
    expect(questions(Object.values(servers), 4)).toBe(0)
  })
})
