import { type RouterOptions, selectBackend } from '@immich-ml-router/core'
import { ProxyServer } from 'http-proxy-3'
import { describe, expect, it } from 'vitest'
import { classified } from './support/classifications.ts'
import { post } from './support/client.ts'
import { FakeClock } from './support/fake-clock.ts'
import { keysOf } from './support/job-keys.ts'
import { answered, failed } from './support/outcomes.ts'
import { GOOD_ANSWER, imageBytes, immichBody, immichForm, sha256 } from './support/predict-body.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

/** A router over one stand-in that hangs until it is told to go on, with so many slots. */
async function gate(slots: Partial<RouterOptions['backends'][string]>, options: Partial<RouterOptions> = {}) {
  const waiting: (() => void)[] = []
  const order: unknown[] = []
  const { url: backend } = await listen((req, res) => {
    if (req.url !== '/predict') return void res.end('pong')
    order.push(req.headers['x-order'])
    req
      .resume()
      .on('end', () => waiting.push(() => res.setHeader('content-type', 'application/json').end(GOOD_ANSWER)))
  })
  const { router, url } = await serveRouter({
    backends: { gpu: { url: backend, ...slots } },
    heartbeat: false,
    ...options,
  })
  const inFlight = () => router.status().backends[0]?.inFlight
  const held = () => router.status().held['default'] ?? 0
  /** Sends a request, and waits until it is at the backend or in the queue. */
  const send = async (job: 'textSearch' | 'indexing', name: string, waits: boolean) => {
    const before = waits ? held() : waiting.length
    const body = job === 'textSearch' ? immichBody(job, name) : immichBody(job, imageBytes(10_000))
    const answer = post(url, body, { headers: { 'x-order': name } })
    await until(() => (waits ? held() : waiting.length) > before, `${name} is in its place`)
    return answer
  }
  const next = async () => {
    await until(() => waiting.length > 0, 'the backend has a request')
    waiting.shift()?.()
  }
  return { router, url, order, waiting, inFlight, held, send, next }
}

describe('a backend with a limit', () => {
  it('never has more at once, and the rest waits in the router', async () => {
    const { url, inFlight, held, waiting, next, router } = await gate({ maxConcurrent: 2 })
    const answers = Array.from({ length: 6 }, () =>
      fetch(`${url}/predict`, { method: 'POST', body: immichForm('indexing', imageBytes(500_000)) }),
    )
    for (let left = 4; left >= 0; left--) {
      await until(() => held() === left && waiting.length === 2, `${left} wait`)
      expect(inFlight()).toBe(2)
      await next()
    }
    await next()
    for (const answer of answers) expect((await answer).status).toBe(200)
    await until(() => router.status().active === 0, 'all is over')
    expect([inFlight(), held()]).toEqual([0, 0])
  })

  it('gets searches before images, and images in their order', async () => {
    const { send, next, order, held } = await gate({ maxConcurrent: 1 })
    const answers = [send('indexing', 'image 1', false)]
    await until(() => order.length === 1, 'the first is there')
    for (const name of ['image 2', 'image 3', 'search 1', 'search 2']) {
      const waiting = held()
      answers.push(send(name.startsWith('image') ? 'indexing' : 'textSearch', name, true))
      await until(() => held() > waiting, `${name} waits`)
    }
    for (let i = 0; i < 5; i++) await next()
    await Promise.all(answers)
    expect(order).toEqual(['image 1', 'search 1', 'search 2', 'image 2', 'image 3'])
  })

  it('keeps what is reserved for searches', async () => {
    const { send, next, order, inFlight, held } = await gate({ maxConcurrent: 2, reserve: 1 })
    const first = send('indexing', 'image 1', false)
    await until(() => order.length === 1, 'the first image is there')
    const second = send('indexing', 'image 2', true)
    await until(() => held() === 1, 'the second image waits')
    expect(inFlight()).toBe(1)
    const search = send('textSearch', 'search', false)
    await until(() => order.length === 2, 'the search is there')
    for (let i = 0; i < 3; i++) await next()
    await Promise.all([first, second, search])
    expect(order).toEqual(['image 1', 'search', 'image 2'])
  })

  it.each([
    ['waits for the first of the list', { strategy: 'first' }, {}, false],
    ['goes to the next of the list with spill', { strategy: 'first', spill: true }, {}, true],
    ['goes to any other with a balancing strategy', { strategy: 'least-conn' }, {}, true],
    ['waits for the better tier', { strategy: 'least-conn' }, { tier: 2 }, false],
    ['goes to the next tier with spill', { strategy: 'least-conn', spill: true }, { tier: 2 }, true],
  ] as const)('that is full: the request %s', async (_, route, other, goes) => {
    const [a, b] = [await stubMl({ fault: 'hang' }), await stubMl()]
    const { router, url } = await serveRouter({
      backends: { a: { url: a.url, maxConcurrent: 1 }, b: { url: b.url, ...other } },
      routes: [{ name: 'all', backends: ['a', 'b'], ...route }],
    })
    const ocr = immichBody('ocr', imageBytes(100))
    const hanging = post(url, ocr)
    await until(() => a.started === 1, 'the first has one')
    const second = post(url, ocr)
    if (goes) expect((await second).headers['x-immich-ml-backend']).toBe('b')
    else await until(() => router.status().held['all'] === 1, 'it waits')
    expect([a.started, b.started]).toEqual([1, goes ? 1 : 0])
    // When the first goes away, nobody waits for it.
    await a.setFault('refuse')
    for (const answer of [hanging, second]) expect((await answer).headers['x-immich-ml-backend']).toBe('b')
  })
})

describe('the queue', () => {
  it('is not longer than it may be, and nobody waits for longer than they may', async () => {
    const clock = new FakeClock()
    const { url, send, held, next, order } = await gate(
      { maxConcurrent: 1 },
      { clock, health: false, queue: { maxWait: '1m', maxLength: 1 } },
    )
    const running = send('indexing', 'running', false)
    await until(() => order.length === 1, 'it is there')
    const waiting = send('textSearch', 'waiting', true)
    await until(() => held() === 1, 'it waits')
    const refused = await post(url, immichBody('textSearch', 'x'))
    expect([refused.status, refused.headers['retry-after'], JSON.parse(refused.body.toString())]).toEqual([
      503,
      '5',
      { code: 'queue-full', detail: '1 request queued for a slot (queue.maxLength).' },
    ])
    clock.advance(60_000)
    const late = await waiting
    expect([late.status, JSON.parse(late.body.toString())]).toEqual([
      503,
      { code: 'queue-expired', detail: 'No backend of route "default" could be used in time: gpu is full.' },
    ])
    await next()
    expect((await running).status).toBe(200)
  })

  it('reads the upload of a refused request to its end, also where its connection is to be closed', async () => {
    const { url, send, next, inFlight } = await gate(
      { maxConcurrent: 1 },
      { hold: false, queue: { maxLength: 0 } },
    )
    const served = send('textSearch', 'served', false)
    await until(() => inFlight() === 1, 'the only slot is taken')
    let sent = false
    const refused = post(url, immichBody('indexing', imageBytes(20_000_000)), {
      onSent: () => {
        sent = true
      },
    })
    expect((await refused).status).toBe(503)
    await until(() => sent, 'all of it is read')
    await next()
    expect((await served).status).toBe(200)
  })

  it('serves an image that has waited for half of the longest wait before every later search', async () => {
    const clock = new FakeClock()
    const { send, next, order, held } = await gate({ maxConcurrent: 1 }, { clock, queue: { maxWait: '10m' } })
    const answers = [send('indexing', 'running', false)]
    await until(() => order.length === 1, 'it is there')
    answers.push(send('indexing', 'old image', true))
    await until(() => held() === 1, 'the image waits')
    clock.advance(299_000)
    answers.push(send('textSearch', 'search', true))
    await until(() => held() === 2, 'the search waits')
    clock.advance(2_000)
    answers.push(send('textSearch', 'later search', true))
    await until(() => held() === 3, 'the later search waits')
    for (let i = 0; i < 4; i++) await next()
    await Promise.all(answers)
    expect(order).toEqual(['running', 'search', 'old image', 'later search'])
  })

  it('forgets whoever leaves, and keeps the bodies of the others whole', async () => {
    const stub = await stubMl({ serviceTime: 20 })
    const proxy = new ProxyServer()
    const { router, url } = await serveRouter({
      backends: { gpu: { url: stub.url, maxConcurrent: 1 } },
      proxy,
    })
    const bodies = Array.from({ length: 12 }, (_, i) =>
      immichBody('indexing', imageBytes(i % 3 === 0 ? 3_000_000 : 70_000 + i)),
    )
    const answers = bodies.map((body, i) => {
      const leaving = new AbortController()
      const answer = post(url, body, { signal: leaving.signal })
      answer.catch(() => {})
      if (i % 4 === 3) setImmediate(() => leaving.abort())
      return answer
    })
    const settled = await Promise.allSettled(answers)
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(3)
    await until(() => router.status().active === 0, 'all is over')
    const whole = stub.received.filter(({ complete }) => complete).map((it) => it.sha256)
    for (const [i, body] of bodies.entries()) if (i % 4 !== 3) expect(whole).toContain(sha256(body))
    expect([router.status().held, router.status().backends[0]?.inFlight]).toEqual([{}, 0])
  })
})

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
  ] as const)('and goes down is waited for by nobody while another is there: %s', async (_, route, other) => {
    const [a, b] = [await stubMl({ fault: 'hang' }), await stubMl()]
    const { router, url } = await serveRouter({
      backends: {
        a: { url: a.url, maxConcurrent: 1, health: { interval: '50ms', fall: 1 } },
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
  })

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
