import { selectBackend } from '@immich-ml-router/core'
import { FakeClock, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { classified } from './support/classifications.ts'
import { post } from './support/client.ts'
import { keysOf } from './support/job-keys.ts'
import { answered, failed } from './support/outcomes.ts'
import { gate } from './support/queue-gate.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

/** Two backends with a slot each, shared by when they will be done. */
const twoSlots = (clock: FakeClock) =>
  selectBackend(
    {
      backends: {
        a: { url: 'http://a', maxConcurrent: 1, health: false },
        b: { url: 'http://b', maxConcurrent: 1, health: false },
      },
      routes: [{ backends: ['a', 'b'], strategy: 'peak-ewma' }],
    },
    { clock },
  )

describe('what is full', () => {
  const ocr = immichBody('ocr', imageBytes(100))

  it.each([
    ['first', {}, {}],
    ['first, with hold', { hold: '1h' }, {}],
    ['round-robin, in tiers', { strategy: 'round-robin' }, { tier: 2 }],
    ['peak-ewma', { strategy: 'peak-ewma' }, {}],
  ] as const)(
    'and goes down keeps no request waiting while another is there: %s',
    async (_, route, other) => {
      const [a, b] = [await stubMl({ fault: 'hang' }), await stubMl()]
      const { router, url } = await serveRouter({
        backends: {
          a: { url: a.url, maxConcurrent: 1, health: { interval: '50ms', timeout: '200ms', fall: 1 } },
          b: { url: b.url, ...other },
        },
        routes: [{ backends: ['a', 'b'], ...route }],
      })
      const stuck = post(url, ocr)
      stuck.catch(() => {})
      await until(() => a.started === 1, 'the first has one')
      // What is under way stays there, and nothing else gets through.
      await a.setFault('freeze')
      await until(() => router.status().backends[0]?.health.probe?.kind === 'down', 'it is down')
      for (let i = 0; i < 4; i++) expect((await post(url, ocr)).headers['x-immich-ml-backend']).toBe('b')
      expect(router.status().backends[0]?.inFlight).toBe(1)
    },
  )

  it('is not waited for by peak-ewma when what it does takes far too long', async () => {
    const clock = new FakeClock()
    const select = twoSlots(clock)
    for (const [name, time] of [
      ['a', 50],
      ['b', 400],
    ] as const) {
      const { release } =
        select
          .backends()
          .find((it) => it.name === name)
          ?.reserve(keysOf('clip/visual'), KIND) ?? {}
      clock.advance(time)
      release?.(answered)
    }
    const stuck = await select(JOB)
    const waiting = select(JOB)
    expect([stuck.backend.name, select.held()]).toEqual(['a', { default: 1 }])
    clock.advance(1_000)
    expect((await waiting).backend.name).toBe('b')
    expect(clock.pending).toBe(0)
  })

  it('by its own kind of job keeps no other kind from what is free', async () => {
    const clock = new FakeClock()
    const select = twoSlots(clock)
    const other = classified('image', OTHER)
    for (const [i, kind, time] of [
      [0, KIND, 100],
      [0, OTHER, 300],
      [1, KIND, 3_000],
      [1, OTHER, 100],
    ] as const) {
      const { release } = select.backends()[i]?.reserve(keysOf('clip/visual'), kind) ?? {}
      clock.advance(time)
      release?.(answered)
    }
    const [first, second] = [await select(JOB), await select(other)]
    const waits = select(JOB)
    const next = select(other)
    expect([first.backend.name, second.backend.name, select.held()]).toEqual(['a', 'b', { default: 2 }])
    second.release(answered)
    expect((await next).backend.name).toBe('b')
    first.release(answered)
    expect((await waits).backend.name).toBe('a')
  })

  it('costs nothing while nothing changes', async () => {
    const clock = new FakeClock()
    const select = selectBackend(
      {
        backends: {
          a: { url: 'http://a', maxConcurrent: 1, health: false },
          b: { url: 'http://b', health: false },
        },
        routes: [{ backends: ['a', 'b'], strategy: 'first' }],
        queue: { maxWait: 'unlimited' },
      },
      { clock },
    )
    const running = await select(JOB)
    const waiting = select(JOB)
    expect([select.held(), clock.pending]).toEqual([{ default: 1 }, 0])
    running.release()
    expect((await waiting).backend.name).toBe('a')
  })

  it('and drained is not waited for without hold, and with it until it is enabled', async () => {
    const { send, held, router, next, order } = await gate({ maxConcurrent: 1 })
    const running = send('indexing', 'running', false)
    await until(() => order.length === 1, 'it is there')
    const queued = send('indexing', 'queued', true)
    await until(() => held() === 1, 'it waits')
    void router.drain('gpu')
    const { status, body } = await queued
    expect([status, JSON.parse(body.toString()).detail]).toEqual([
      503,
      'No backend of route "default" is available: gpu is drained.',
    ])
    await next()
    expect((await running).status).toBe(200)
  })
})

describe('a request that waits', () => {
  it('waits on when what was away is back and full', async () => {
    const clock = new FakeClock()
    const select = selectBackend(
      {
        backends: { a: { url: 'http://a', maxConcurrent: 1, health: false } },
        routes: [{ backends: ['a'], hold: '10s' }],
        queue: { maxWait: '60s' },
      },
      { clock },
    )
    for (let i = 0; i < 3; i++) select.lease('a').release(failed('connect'))
    const [first, second, third] = [select(JOB), select(JOB), select(JOB)]
    clock.advance(6_000)
    const trial = await first
    trial.release(answered)
    const slow = await second
    clock.advance(30_000)
    slow.release(answered)
    expect((await third).backend.name).toBe('a')
    const last = select(JOB)
    const late = expect(last).rejects.toMatchObject({
      code: 'hold-expired',
      message: expect.stringContaining('a is full'),
    })
    clock.advance(60_000)
    await late
  })

  it('is not sent away by a full queue when it is tried again', async () => {
    const a = await stubMl({ fault: 'error' })
    const answers: (() => void)[] = []
    const { url: b } = await listen((req, res) => {
      if (req.url !== '/predict') return void res.end('pong')
      req.resume().on('end', () => answers.push(() => res.end(GOOD_ANSWER)))
    })
    const { router, url } = await serveRouter({
      backends: { a: { url: a.url }, b: { url: b, maxConcurrent: 1 } },
      routes: [
        { name: 'searches', match: { input: 'text' }, backends: ['b'] },
        { name: 'images', backends: ['a', 'b'] },
      ],
      queue: { maxLength: 1 },
    })
    const text = immichBody('textSearch', 'cat')
    const sent = [post(url, text)]
    await until(() => answers.length === 1, 'the second backend is full')
    sent.push(post(url, text))
    await until(() => router.status().held['searches'] === 1, 'the queue is full')
    expect((await post(url, text)).status).toBe(503)
    sent.push(post(url, immichBody('indexing', imageBytes(100))))
    await until(() => router.status().held['images'] === 1, 'the image waits for its second backend')
    for (let i = 0; i < 3; i++) {
      await until(() => answers.length > 0, 'the backend has the next')
      answers.shift()?.()
    }
    for (const answer of sent) expect((await answer).status).toBe(200)
  })

  it('gets what the last backend said when the others were drained', async () => {
    const [a, b] = [await stubMl({ fault: 'error' }), await stubMl()]
    const { router, url } = await serveRouter({ backends: { a: { url: a.url }, b: { url: b.url } } })
    await router.drain('b')
    const answer = await post(url, immichBody('ocr', imageBytes(100)))
    expect([answer.status, answer.headers['x-immich-ml-backend']]).toEqual([500, 'a'])
    await a.setFault('reset')
    const failed = await post(url, immichBody('ocr', imageBytes(100)))
    expect([failed.status, JSON.parse(failed.body.toString()).detail]).toEqual([
      502,
      'No backend could answer: "a" failed (reset).',
    ])
  })
})

const KIND = 'clip/visual/ViT'

const OTHER = 'clip/visual/other'

const JOB = classified('image', KIND)
