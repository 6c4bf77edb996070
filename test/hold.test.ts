import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { CONTENT_TYPE, FakeClock, imageBytes, immichBody, immichForm } from '@immich-ml-router/core/testing'
import { ProxyServer } from 'http-proxy-3'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { pool, search, slowBody } from './support/hold-pool.ts'
import { listen, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

// https://github.com/immich-app/immich/issues/5888, 2646, 28289, 15134
describe('a request that finds no backend', () => {
  it('waits with fifty others, and all are served in order when one comes back', async () => {
    const proxy = new ProxyServer()
    const order: unknown[] = []
    proxy.on('start', (req) => order.push(req.headers['x-order']))
    const { url, stubs, held, router } = await pool([{ fault: 'refuse' }, { fault: 'refuse' }], {
      proxy,
      heartbeat: { after: '100ms', every: '100ms' },
    })
    await until(
      () => router.status().backends.every(({ health }) => health.probe?.kind === 'down'),
      'the probes have found out',
    )
    const answers: Promise<string>[] = []
    for (let i = 0; i < 50; i++) {
      const body = immichForm(i % 2 === 0 ? 'indexing' : 'ocr', imageBytes(100_000))
      const response = fetch(`${url}/predict`, { method: 'POST', body, headers: { 'x-order': String(i) } })
      answers.push(response.then((it) => it.text()))
      await until(() => held() === i + 1, 'it waits')
    }
    expect(order).toEqual([])
    await sleep(250)
    await stubs[1]?.setFault(undefined)
    for (const text of await Promise.all(answers)) {
      expect(text).toMatch(/^ {2,}\{/)
      expect(Object.keys(JSON.parse(text)).length).toBeGreaterThan(0)
    }
    expect(order).toEqual(Array.from({ length: 50 }, (_, i) => String(i)))
    expect(stubs[1]?.received.every(({ complete }) => complete)).toBe(true)
    expect([held(), router.status().backends[1]?.inFlight]).toEqual([0, 0])
  })

  it('waits for six hours, and is served when one comes back', async () => {
    const clock = new FakeClock()
    const { url, only, held, router } = await pool([{ fault: 'refuse' }], { clock })
    const answers = Array.from({ length: 50 }, () =>
      fetch(`${url}/predict`, { method: 'POST', body: immichForm('faces', imageBytes(1_000)) }),
    )
    await until(() => held() === 50, 'all wait')
    clock.advance(6 * 3_600_000)
    expect(held()).toBe(50)
    await only.setFault(undefined)
    const ticking = setInterval(() => clock.advance(500), 1)
    for (const answer of await Promise.all(answers))
      expect(Object.keys((await answer.json()) as object)).toHaveLength(3)
    clearInterval(ticking)
    expect([only.started, held(), router.status().active]).toEqual([50, 0, 0])
  })

  it('is held by default: an image for 12 h, a search for 15 s', async () => {
    const clock = new FakeClock()
    const { url, held, router } = await pool([{}], {
      clock,
      // Probes of 12 hours would take seconds, so the backend is drained rather than down.
      health: false,
      heartbeat: false,
      hold: undefined,
      routes: [{ name: 'all', backends: ['a'] }],
    })
    await router.drain('a')
    const image = post(url, immichBody('indexing', imageBytes(1_000)))
    await until(() => held() === 1, 'the image is held')
    const found = post(url, search)
    await until(() => held() === 2, 'the search is held')
    clock.advance(15_000)
    expect([(await found).status, held()]).toEqual([503, 1])
    clock.advance(12 * 3_600_000)
    expect((await image).status).toBe(503)
  })

  it('is served by the least bad on a route that does not hold', async () => {
    const { url, only } = await pool([{ fault: 'refuse' }], { routes: [{ backends: ['a'] }] })
    for (let i = 0; i < 5; i++) expect((await post(url, search)).status).toBe(502)
    await only.setFault(undefined)
    expect((await post(url, search)).status).toBe(200)
  })

  it('gets 503 when its time is over, and when too many wait', async () => {
    const clock = new FakeClock()
    const { url, held } = await pool([{ fault: 'refuse' }], {
      clock,
      routes: [{ name: 'all', backends: ['a'], hold: { bulk: '1m', interactive: '1m', maxHeld: 2 } }],
      heartbeat: false,
    })
    const waiting = [post(url, search), post(url, search)]
    await until(() => held() === 2, 'two wait')
    const third = await post(url, search)
    expect([third.status, JSON.parse(third.body.toString()), third.headers['retry-after']]).toEqual([
      503,
      { code: 'hold-full', detail: 'Route "all" holds 2 requests (hold.maxHeld).' },
      '5',
    ])
    clock.advance(60_000)
    for (const { status, body } of await Promise.all(waiting))
      expect([status, JSON.parse(body.toString())]).toEqual([
        503,
        {
          code: 'hold-expired',
          detail: expect.stringMatching(/could be used in time: a is (down|ejected): (connect|timeout)\.$/),
        },
      ])
    expect(held()).toBe(0)
  })

  it('is cut off when its time is over and it has had a heartbeat', async () => {
    const clock = new FakeClock()
    const { url, held, router } = await pool([{ fault: 'refuse' }], { clock }, '10m')
    const response = fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    await until(() => held() === 1, 'it waits')
    clock.advance(120_000)
    const { status, body } = await response
    expect([status, Buffer.from((await body?.getReader().read())?.value ?? []).toString()]).toEqual([
      200,
      ' ',
    ])
    clock.advance(480_000)
    await until(() => router.status().active === 0, 'it is over')
    const again = fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    await until(() => held() === 1, 'another waits')
    clock.advance(120_000)
    const answer = await again
    const rejected = expect(answer.json()).rejects.toThrow()
    clock.advance(480_000)
    await rejected
  })

  it('gives up its place, its body and its file when its client leaves', async () => {
    const { url, only, held, router } = await pool([{ fault: 'refuse' }])
    const large = immichBody('indexing', imageBytes(3_000_000))
    const leaving = new AbortController()
    const left = post(url, large, { signal: leaving.signal })
    left.catch(() => {})
    await until(() => held() === 1, 'the first waits')
    const stays = post(url, search)
    await until(() => held() === 2, 'the second waits')
    leaving.abort()
    await until(() => held() === 1 && router.status().active === 1, 'the first is gone')
    await only.setFault(undefined)
    expect((await stays).status).toBe(200)
    expect(only.received.map((it) => it.sha256)).toEqual([sha256(search)])
  })

  it('leaves before its upload is complete, or while its body is still on its way to the disk', async () => {
    const { url, held, router } = await pool([{ fault: 'refuse' }])
    const req = http.request(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': CONTENT_TYPE, 'content-length': 9_000_000 },
    })
    req.on('error', () => {})
    req.write(immichBody('indexing', imageBytes(5_000_000)))
    await until(() => held() === 1, 'it waits')
    req.destroy()
    await until(() => router.status().active === 0, 'it is gone')
    expect([held(), router.status().backends[0]?.waiting]).toEqual([0, { full: 0, unavailable: 0 }])
  })

  it.each([true, false])('is noticed when it leaves, with bodySpool %s', async (bodySpool) => {
    const { url, held, router } = await pool([{ fault: 'refuse' }], { bodySpool })
    const leaving = new AbortController()
    const left = post(url, immichBody('indexing', imageBytes(9_000_000)), { signal: leaving.signal })
    left.catch(() => {})
    await until(() => held() === 1, 'it waits')
    leaving.abort()
    await until(() => held() === 0 && router.status().active === 0, 'its place is free')
  })

  it('is not kept from its turn by a slow client that came before it', async () => {
    const { url, only, held, router } = await pool([{ fault: 'refuse' }], {
      heartbeat: { after: '1s', every: '1s' },
    })
    const slow = http.request(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': CONTENT_TYPE, 'content-length': slowBody.length },
    })
    slow.write(slowBody.subarray(0, -20))
    await until(() => held() === 1, 'the slow one waits')
    const others = Array.from({ length: 5 }, () => post(url, search))
    await until(() => held() === 6, 'all wait')
    await only.setFault(undefined)
    for (const { status } of await Promise.all(others)) expect(status).toBe(200)
    expect([held(), only.started]).toEqual([1, 5])
    const response = once(slow, 'response')
    slow.end(slowBody.subarray(-20))
    const [answer] = (await response) as [http.IncomingMessage]
    expect(answer.statusCode).toBe(200)
    answer.resume()
    await until(() => router.status().active === 0, 'all is over')
  })

  it('waits again when the backend that had it goes down, and its body is whole', async () => {
    const { url, only, held } = await pool([{ fault: 'hang' }])
    const image = immichBody('indexing', imageBytes(2_000_000))
    const answer = post(url, image)
    await until(() => only.received.length === 1, 'the backend has it')
    await only.setFault('refuse')
    await until(() => held() === 1, 'it waits again')
    await only.setFault(undefined)
    expect((await answer).status).toBe(200)
    expect(only.received.map((it) => it.sha256)).toEqual([sha256(image), sha256(image)])
  })

  it('is sent to the only backend once more after a 500, and then answered', async () => {
    const { url, only, router } = await pool([{ fault: 'error' }])
    const { status } = await post(url, search)
    expect([status, only.started, router.status().active]).toEqual([500, 2, 0])
  })

  it('waits while a proxy in front of the backend says that it is away', async () => {
    let away = true
    let asked = 0
    const { url: proxied } = await listen((req, res) => {
      if (req.url === '/predict') asked++
      req.resume().on('end', () => res.writeHead(away ? 502 : 200).end('{"clip":"[]"}'))
    })
    const { url, held } = await pool([{}], {
      backends: { a: { url: proxied, health: { interval: '100ms' } } },
    })
    const answer = post(url, search)
    await until(() => held() === 1, 'it waits')
    const before = asked
    away = false
    expect((await answer).status).toBe(200)
    expect([before <= 3, asked]).toEqual([true, before + 1])
  })

  it('is answered at once with what a backend says that lacks its task, when none has it', async () => {
    const { url: hailo } = await listen((req, res) => {
      req.resume().on('end', () => res.writeHead(501).end('{"detail":"no"}'))
    })
    const { url } = await pool([{}], { backends: { a: { url: hailo } }, health: false })
    for (let i = 0; i < 2; i++) expect((await post(url, search)).status).toBe(501)
  })

  it('is answered with 503 when the router closes', async () => {
    const { url, router, held } = await pool([{ fault: 'refuse' }])
    const answer = post(url, search)
    await until(() => held() === 1, 'it waits')
    const closed = router.close()
    const { status, body } = await answer
    expect([status, JSON.parse(body.toString()).code]).toEqual([503, 'router-closed'])
    await closed
    expect(router.status()).toMatchObject({ state: 'closed', held: {}, active: 0 })
  })

  it('is told of', async () => {
    const { url, only, router, held } = await pool([{ fault: 'refuse' }])
    const told: string[] = []
    router.on('hold', ({ kind, route, held }) => told.push(`${route} ${kind} ${held}`))
    const answer = post(url, search)
    await until(() => held() === 1, 'it waits')
    expect((await fetch(`${url}/ping`)).status).toBe(200)
    await only.setFault(undefined)
    await answer
    expect(told).toEqual(['all held 1', 'all released 0'])
  })
})
