import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import type { BackendInfo } from '@immich-ml-router/core/parts'
import type { StubMl, StubOptions } from '@immich-ml-router/example-stub-ml'
import { ProxyServer } from 'http-proxy-3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { FakeClock } from './support/fake-clock.ts'
import {
  CONTENT_TYPE,
  GOOD_ANSWER,
  imageBytes,
  immichBody,
  immichForm,
  sha256,
} from './support/predict-body.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

/** A router over stand-ins a, b, c, … in that order, on a route that lets requests wait. */
async function pool(servers: StubOptions[], options: Partial<RouterOptions> = {}, hold: string = '12h') {
  const stubs: StubMl[] = []
  for (const server of servers) stubs.push(await stubMl(server))
  const backends = Object.fromEntries(stubs.map(({ url }, i) => ['abcdef'[i] ?? '', { url }]))
  const { router, url } = await serveRouter({
    backends,
    routes: [{ name: 'all', backends: Object.keys(backends), strategy: 'first', hold }],
    ...options,
  })
  const held = () => router.status().held['all'] ?? 0
  const [only] = stubs
  if (only === undefined) throw new Error('there is no backend')
  return { stubs, only, router, url, held }
}

const search = immichBody('textSearch', 'cat')
/** Its job is known before it has arrived, unlike that of a search. */
const slowBody = immichBody('indexing', imageBytes(100))

describe('a request that finds no backend', () => {
  it('waits with fifty others, and all are served in order when one comes back after 3 s', async () => {
    const proxy = new ProxyServer()
    const order: unknown[] = []
    proxy.on('start', (req) => order.push(req.headers['x-order']))
    const { url, stubs, held, router } = await pool([{ fault: 'refuse' }, { fault: 'refuse' }], {
      proxy,
      heartbeat: { after: '1s', every: '1s' },
    })
    await until(
      () => router.status().backends.every(({ health }) => health.probe?.kind === 'down'),
      'the probes have found out',
    )
    const answers: Promise<string>[] = []
    const began = performance.now()
    for (let i = 0; i < 50; i++) {
      const body = immichForm(i % 2 === 0 ? 'indexing' : 'ocr', imageBytes(100_000))
      const response = fetch(`${url}/predict`, { method: 'POST', body, headers: { 'x-order': String(i) } })
      answers.push(response.then((it) => it.text()))
      await until(() => held() === i + 1, 'it waits')
    }
    expect(order).toEqual([])
    await until(() => performance.now() - began > 3_000, 'three seconds are over')
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
    const { url, held } = await pool([{ fault: 'refuse' }], {
      clock,
      heartbeat: false,
      hold: undefined,
      routes: [{ name: 'all', backends: ['a'] }],
    })
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
    expect([held(), router.status().backends[0]?.held]).toEqual([0, 0])
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

describe('coming back', () => {
  it('is slow: those who wait are released one at a time, then more', async () => {
    const { url, only, held, router } = await pool([{ fault: 'refuse' }])
    await until(() => router.status().backends[0]?.health.probe?.kind === 'down', 'it is down')
    const answers = Array.from({ length: 20 }, () => post(url, search))
    await until(() => held() === 20, 'all wait')
    const most: number[] = []
    router.on('hold', ({ kind }) => {
      if (kind === 'released') most.push(router.status().backends[0]?.inFlight ?? 0)
    })
    await only.setFault(undefined)
    await Promise.all(answers)
    expect(most[0]).toBe(1)
    expect(Math.max(...most)).toBeLessThanOrEqual(8)
  })

  it('a passing /ping does not lift an ejection: a request does, when its time is over', async () => {
    const clock = new FakeClock()
    const status = { predict: 503, ping: 200 }
    let asked = 0
    const { url: sick } = await listen((req, res) => {
      const what = req.url === '/predict' ? 'predict' : 'ping'
      if (what === 'predict') asked++
      req.resume().on('end', () => res.writeHead(status[what]).end(GOOD_ANSWER))
    })
    const { url, held, router } = await pool([{}], {
      clock,
      backends: { a: { url: sick, health: { interval: '100ms' } } },
    })
    const answer = post(url, search)
    for (let i = 1; i <= 3; i++) {
      await until(() => asked === i && held() === 1, `it is held after failure ${i}`)
      if (i < 3) clock.advance(1_000)
    }
    const health = () => router.status().backends[0]?.health
    expect(health()?.tasks['clip/textual']).toMatchObject({ kind: 'open' })
    // The probe that is under way is over.
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
    status.predict = 200
    for (let i = 0; i < 4; i++) {
      for (const [ping, failures] of [
        [503, 1],
        [200, 0],
      ] as const) {
        status.ping = ping
        clock.advance(150)
        await until(
          () => Reflect.get(health()?.probe ?? {}, 'failures') === failures,
          `a probe is answered ${ping}`,
        )
      }
      expect(health()?.probe?.kind).toBe('up')
    }
    expect([held(), asked]).toEqual([1, 3])
    clock.advance(1_000)
    expect([(await answer).status, asked]).toEqual([200, 4])
  })

  it('is wanted: packets go out, and onUnavailable is called, once in their time', async () => {
    const clock = new FakeClock()
    const machine = dgram.createSocket('udp4')
    const packets: Buffer[] = []
    machine.on('message', (packet) => packets.push(packet))
    machine.bind(0, '127.0.0.1')
    await once(machine, 'listening')
    onTestFinished(() => void machine.close())
    const { port } = machine.address() as AddressInfo
    const wake = { mac: 'aa:bb:cc:dd:ee:ff', broadcast: '127.0.0.1', port, every: '30s' }
    const stub = await stubMl({ fault: 'refuse' })
    const wanted: BackendInfo[] = []
    const { url, held, router } = await pool([{}], {
      clock,
      backends: { a: { url: stub.url, wake } },
      onUnavailable: (backend) => wanted.push(backend),
    })
    const answers = [post(url, search), post(url, search)]
    await until(() => held() === 2 && packets.length === 1, 'the first packet has come')
    expect(packets[0]?.toString('hex')).toBe(`${'ff'.repeat(6)}${'aabbccddeeff'.repeat(16)}`)
    clock.advance(29_999)
    expect(router.status().backends[0]?.held).toBe(2)
    clock.advance(1)
    await until(() => packets.length === 2, 'the second packet has come')
    await stub.setFault(undefined)
    const ticking = setInterval(() => clock.advance(500), 1)
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200)
    clearInterval(ticking)
    await until(() => wanted.length >= 2, 'both are told')
    const count = wanted.length
    clock.advance(300_000)
    expect([wanted[0]?.name, wanted.length]).toEqual(['a', count])
  })

  it('is wanted at once when it falls asleep again', async () => {
    const clock = new FakeClock()
    const wanted: number[] = []
    const { url, only, held } = await pool([{ fault: 'refuse' }], {
      clock,
      onUnavailable: () => wanted.push(clock.now()),
    })
    for (let times = 1; times <= 2; times++) {
      await only.setFault('refuse')
      const answer = post(url, search)
      await until(() => held() === 1 && wanted.length === times, 'it is wanted')
      await only.setFault(undefined)
      const ticking = setInterval(() => clock.advance(500), 1)
      expect((await answer).status).toBe(200)
      clearInterval(ticking)
    }
    // Within the 30 s after which a machine that stays away is wanted again.
    expect((wanted[1] ?? Number.NaN) - (wanted[0] ?? Number.NaN)).toBeLessThan(30_000)
  })

  it('is wanted by a request that another serves, if it stands before that in a route', async () => {
    const wanted: string[] = []
    const { url, router } = await pool([{ fault: 'refuse' }, {}, { fault: 'refuse' }], {
      onUnavailable: ({ name }) => wanted.push(name),
    })
    await until(
      () => router.status().backends.filter(({ health }) => health.probe?.kind === 'down').length === 2,
      'two are down',
    )
    for (let i = 0; i < 3; i++) expect((await post(url, search)).headers['x-immich-ml-backend']).toBe('b')
    expect(wanted).toEqual(['a'])
  })
})

describe('whoever looks at a router', () => {
  it('sees the requests that wait, with their age, as long as they do', async () => {
    const clock = new FakeClock()
    const { url, only, router, held } = await pool([{ fault: 'refuse' }], { clock, heartbeat: false })
    clock.advance(1_000)
    const first = post(url, search)
    await until(() => held() === 1, 'the first waits')
    clock.advance(500)
    const second = post(url, immichBody('ocr', imageBytes(100)))
    await until(() => held() === 2, 'the second waits')
    const seen = [...router.waiting()]
    expect(seen).toMatchObject([
      { route: 'all', reason: 'unavailable', client: '127.0.0.1', classification: { tasks: ['clip'] } },
      { route: 'all', reason: 'unavailable', classification: { tasks: ['ocr'] } },
    ])
    expect(seen.map(({ since }) => router.status().now - since)).toEqual([500, 0])
    await only.setFault(undefined)
    const ticking = setInterval(() => clock.advance(500), 1)
    await Promise.all([first, second])
    clearInterval(ticking)
    await until(() => router.status().active === 0, 'both are over')
    expect([...router.waiting()]).toEqual([])
  })

  it('can wake a machine, whether or not it is wanted', async () => {
    const machine = dgram.createSocket('udp4')
    machine.bind(0, '127.0.0.1')
    await once(machine, 'listening')
    onTestFinished(() => void machine.close())
    const { port } = machine.address() as AddressInfo
    const wake = { mac: 'aa:bb:cc:dd:ee:ff', broadcast: '127.0.0.1', port }
    const stub = await stubMl()
    const { router } = await pool([{}], {
      backends: { a: { url: stub.url, wake }, b: { url: stub.url } },
      routes: [{ backends: ['a', 'b'] }],
    })
    expect(router.status().backends.map(({ wakes }) => wakes)).toEqual([true, false])
    const packet = once(machine, 'message')
    await router.wake('a')
    expect((await packet)[0].length).toBe(6 + 16 * 6)
    await expect(router.wake('c')).rejects.toThrow(RangeError)
  })

  it('can have onUnavailable called for any backend', async () => {
    const called: string[] = []
    const { router } = await pool([{}], { onUnavailable: ({ name }) => called.push(name) })
    await router.wake('a')
    expect([called, router.status().backends[0]?.wakes]).toEqual([['a'], true])
  })

  it('is told when it is closed', async () => {
    const { router } = await pool([{}])
    const states: string[] = []
    router.on('close', () => states.push(router.status().state))
    await router.close()
    expect(states).toEqual(['closed'])
  })
})

describe('heartbeats', () => {
  /** A backend that answers when it is told to. */
  async function patient(answer: (res: http.ServerResponse) => void) {
    const { promise: told, resolve: tell } = Promise.withResolvers<void>()
    let asked = 0
    const { url } = await listen((req, res) => {
      if (req.url !== '/predict') return void res.end('pong')
      asked++
      req.resume().on('end', () => void told.then(() => answer(res)))
    })
    return { url, tell, asked: () => asked }
  }
  const json = { 'content-type': 'application/json' }

  it('keep a client through a slow inference, and the answer behind them is whole', async () => {
    const clock = new FakeClock()
    const slow = await patient((res) =>
      res.writeHead(200, { ...json, 'content-length': 14 }).end('{"clip":"[1]"}'),
    )
    const { url } = await pool([{}], { clock, backends: { a: { url: slow.url } } })
    const answer = post(url, search, { headers: { 'accept-encoding': 'gzip' } })
    await until(() => slow.asked() === 1, 'the backend has it')
    clock.advance(180_000)
    slow.tell()
    const { status, headers, body } = await answer
    expect([status, headers['content-type'], headers['transfer-encoding'], body.toString()]).toEqual([
      200,
      'application/json',
      'chunked',
      '   {"clip":"[1]"}',
    ])
  })

  it.each<[string, (res: http.ServerResponse) => void]>([
    ['a 500', (res) => res.writeHead(500, json).end('{}')],
    ['a 422', (res) => res.writeHead(422, json).end('{}')],
    ['no JSON', (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<p>')],
    ['what cannot be decoded', (res) => res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end('x')],
    [
      'half an answer',
      (res) => void res.writeHead(200, { ...json, 'content-length': 9 }).write('{', () => res.destroy()),
    ],
    ['nothing', (res) => res.destroy()],
  ])('are followed by a cut when %s comes', async (_, answer) => {
    const clock = new FakeClock()
    const slow = await patient(answer)
    const { url, router } = await pool([{}], {
      clock,
      backends: { a: { url: slow.url } },
      routes: [{ backends: ['a'] }],
    })
    const response = fetch(`${url}/predict`, { method: 'POST', body: immichForm('textSearch', 'cat') })
    await until(() => slow.asked() === 1, 'the backend has it')
    clock.advance(120_000)
    const { status, body } = await response
    const reader = body?.getReader()
    await reader?.read()
    slow.tell()
    await expect(
      (async () => {
        while (!(await reader?.read())?.done) {}
      })(),
    ).rejects.toThrow()
    expect(status).toBe(200)
    await until(() => router.status().active === 0, 'it is over')
    expect([router.status().backends[0]?.inFlight, slow.asked()]).toEqual([0, 1])
  })

  it('are followed by the decoded answer when a gzipped one comes', async () => {
    const clock = new FakeClock()
    const slow = await patient((res) =>
      res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(GOOD_ANSWER)),
    )
    const { url } = await pool([{}], { clock, backends: { a: { url: slow.url } } })
    const answer = post(url, search)
    await until(() => slow.asked() === 1, 'the backend has it')
    clock.advance(120_000)
    slow.tell()
    const { headers, body } = await answer
    expect([headers['content-encoding'], body.toString()]).toEqual([undefined, ` ${GOOD_ANSWER}`])
  })

  it.each<[string, (res: http.ServerResponse) => void, number?]>([
    ['breaks the connection', (res) => res.destroy()],
    ['cannot be decoded', (res) => res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end('x')],
    [
      'is gzipped and too large to decode',
      (res) => res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(GOOD_ANSWER)),
      10,
    ],
  ])('do not keep another backend from being tried when an answer %s', async (_, bad, answerMemory) => {
    const clock = new FakeClock()
    const slow = await patient(bad)
    const good = await stubMl()
    const { url } = await pool([{}], {
      clock,
      backends: { a: { url: slow.url }, b: { url: good.url } },
      routes: [{ backends: ['a', 'b'] }],
      answerMemory,
    })
    const answer = post(url, search)
    await until(() => slow.asked() === 1, 'the first backend has it')
    clock.advance(120_000)
    slow.tell()
    const { status, body } = await answer
    expect([status, body.toString()]).toEqual([200, expect.stringMatching(/^ \{"clip"/)])
  })

  it.each<[string, Partial<RouterOptions>, http.OutgoingHttpHeaders, Buffer]>([
    ['for a client that takes no JSON', {}, { accept: 'text/html' }, search],
    ['for what is no known job', {}, {}, Buffer.from('x')],
    ['when they are turned off', { heartbeat: false }, {}, search],
    [
      'when the route turns them off',
      { routes: [{ backends: ['a'], heartbeat: false }], heartbeat: { after: 1 } },
      {},
      search,
    ],
  ])('are not sent %s', async (_, options, headers, body) => {
    const clock = new FakeClock()
    const slow = await patient((res) => res.writeHead(200, json).end(GOOD_ANSWER))
    const { url } = await pool([{}], { clock, backends: { a: { url: slow.url } }, ...options })
    const answer = post(url, body, { headers })
    await until(() => slow.asked() === 1, 'the backend has it')
    clock.advance(300_000)
    slow.tell()
    expect((await answer).body.toString()).toBe(GOOD_ANSWER)
  })

  it('are not sent while it is the client that is slow', async () => {
    const clock = new FakeClock()
    const { url, only, router } = await pool([{}], { clock, heartbeat: { after: '1s', every: '1s' } })
    const req = http.request(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': CONTENT_TYPE, 'content-length': slowBody.length },
    })
    const response = once(req, 'response')
    req.write(slowBody.subarray(0, -20))
    await until(() => only.started === 1 && router.status().active === 1, 'the backend has the beginning')
    clock.advance(10_000)
    req.end(slowBody.subarray(-20))
    const [answer] = (await response) as [http.IncomingMessage]
    expect(answer.headers['content-length']).toBeDefined()
    answer.resume()
  })
})

describe('a backend that is drained', () => {
  it('gets nothing more, and is served again when it is enabled', async () => {
    const { url, stubs, router } = await pool([{ fault: 'hang' }, {}])
    const running = post(url, search)
    await until(() => stubs[0]?.received.length === 1, 'it has one')
    let drained = false
    const draining = router.drain('a').then(() => {
      drained = true
    })
    for (let i = 0; i < 3; i++) expect((await post(url, search)).headers['x-immich-ml-backend']).toBe('b')
    expect([drained, router.status().backends[0]?.health.enabled, stubs[0]?.started]).toEqual([
      false,
      false,
      1,
    ])
    await stubs[0]?.setFault('refuse')
    expect((await running).headers['x-immich-ml-backend']).toBe('b')
    await draining
    await stubs[0]?.setFault(undefined)
    router.enable('a')
    await until(
      async () => (await post(url, search)).headers['x-immich-ml-backend'] === 'a',
      'it serves again',
    )
    expect(() => router.enable('x')).toThrow('"x" is not among the backends: a, b.')
  })

  it('makes requests wait when there is no other, and is not tried as the least bad', async () => {
    const { url, router, held, only } = await pool([{}])
    await router.drain('a')
    const answer = post(url, search)
    await until(() => held() === 1, 'it waits')
    router.enable('a')
    expect((await answer).status).toBe(200)
    const plain = createRouter({ backends: { a: { url: only.url } }, hold: false })
    onTestFinished(() => plain.close())
    await plain.drain('a')
    const { url: other } = await listen((req, res) => plain.handle(req, res))
    const refused = await post(other, search)
    expect([refused.status, JSON.parse(refused.body.toString()).detail]).toEqual([
      503,
      'No backend of route "default" is available: a is drained.',
    ])
  })
})
