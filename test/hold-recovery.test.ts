import dgram from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createRouter } from '@immich-ml-router/core'
import type { BackendInfo } from '@immich-ml-router/core/parts'
import { FakeClock, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { pool, search } from './support/hold-pool.ts'
import { listen, stubMl, until } from './support/servers.ts'

describe('coming back', () => {
  it('is slow: waiting requests are released one at a time, then more', async () => {
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
    expect(router.status().backends[0]?.waiting).toEqual({ full: 0, unavailable: 2 })
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

describe('a reader of the router status', () => {
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
