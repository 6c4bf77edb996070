import { FakeClock, imageBytes, immichBody, immichForm } from '@immich-ml-router/core/testing'
import { ProxyServer } from 'http-proxy-3'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { gate } from './support/queue-gate.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

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
