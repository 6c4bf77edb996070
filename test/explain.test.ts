import { FakeClock, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { adapters } from './adapters/all.ts'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

const ASKED = { headers: { 'x-immich-ml-explain': '1' } }
const search = immichBody('textSearch', 'cat')

const ask = async (url: string, body = search) => (await post(url, body, ASKED)).headers['x-immich-ml-route']

describe('a response that is asked why', () => {
  it('says where the request went and why, and the backend hears nothing of it', async () => {
    const [nas, gpu] = [await stubMl(), await stubMl()]
    const { url } = await serveRouter({
      backends: { nas: { url: nas.url }, gpu: { url: gpu.url } },
      routes: [
        { match: { task: 'clip', type: 'textual' }, backends: ['nas', 'gpu'], strategy: 'first' },
        { backends: ['gpu'] },
      ],
    })
    expect(await ask(url)).toBe(
      'clip/textual; nas chosen: first in the list; gpu next: behind nas in the list',
    )
    expect(nas.received[0]?.headers['x-immich-ml-explain']).toBeUndefined()
    expect((await post(url, search)).headers['x-immich-ml-route']).toBeUndefined()
  })

  it('tells of the attempts that failed before', async () => {
    const [away, gpu] = [await stubMl({ fault: 'refuse' }), await stubMl()]
    const { url } = await serveRouter({
      backends: { nas: { url: away.url }, gpu: { url: gpu.url } },
      routes: [{ name: 'söek; all', backends: ['nas', 'gpu'], strategy: 'first' }],
    })
    expect(await ask(url)).toMatch(
      /^s%C3%B6ek%3B all; nas failed \(connect\) in \d+ ms; gpu chosen: first in the list; nas passed-over: excluded$/,
    )
  })

  it('tells of a wait, also in a 503', async () => {
    const slow = await stubMl({ fault: 'hang' })
    const { router, url } = await serveRouter({
      backends: { gpu: { url: slow.url, maxConcurrent: 1 } },
      queue: { maxWait: '300ms' },
    })
    const running = post(url, search)
    running.catch(() => {})
    await until(() => slow.started === 1, 'the first is there')
    const asking = post(url, search, ASKED)
    await until(() => router.status().held['default'] === 1, 'the second waits')
    const { status, headers } = await asking
    expect(status).toBe(503)
    expect(headers['x-immich-ml-route']).toMatch(
      /^default; queued .* m?s; gpu awaited: full \(1 of 1 in flight\)(, [^;]*)?; 503 queue-expired$/,
    )
  })

  it('tells why every attempt failed, in a 502, and why none was made, in a 503', async () => {
    const [one, two] = [await stubMl({ fault: 'refuse' }), await stubMl()]
    const { router, url } = await serveRouter({
      backends: { one: { url: one.url }, two: { url: two.url } },
      routes: [{ match: { task: 'clip' }, backends: ['one'] }, { backends: ['two'] }],
    })
    expect(await ask(url)).toMatch(
      /^clip; one failed \(connect\) in \d+ ms; one chosen: .*; 502 backend-failed$/,
    )
    await router.drain('two')
    expect(await ask(url, immichBody('ocr', imageBytes(1_000)))).toBe(
      'default; two passed-over: drained; 503 no-backend-available',
    )
  })

  it('tells of the copy that was answered first', async () => {
    const [slow, quick] = [await stubMl({ fault: 'hang' }), await stubMl()]
    const { url } = await serveRouter({
      backends: { slow: { url: slow.url }, quick: { url: quick.url } },
      routes: [{ backends: ['slow', 'quick'], strategy: 'first', hedge: { after: '50ms' } }],
    })
    expect(await ask(url)).toBe(
      'default; quick got a hedge; slow chosen: first in the list; quick next: behind slow in the list',
    )
  })

  it('has it in the head that goes out with the first sign of life, as it was then', async () => {
    const away = await stubMl({ fault: 'refuse' })
    const clock = new FakeClock()
    const { router, url } = await serveRouter({
      backends: { gpu: { url: away.url } },
      routes: [{ backends: ['gpu'], hold: '12h' }],
      heartbeat: { after: '1m', every: '30s' },
      clock,
    })
    const asking = post(url, search, ASKED)
    await until(() => router.status().held['default'] === 1, 'it waits')
    clock.advance(60_000)
    await away.setFault(undefined)
    const ticking = setInterval(() => clock.advance(500), 1)
    onTestFinished(() => clearInterval(ticking))
    expect((await asking).headers['x-immich-ml-route']).toMatch(
      /^default; (gpu failed [^;]*; )*gpu awaited: [^;]*$/,
    )
  })

  it('replaces what a backend says of a route', async () => {
    const { url: backend } = await listen((req, res) => {
      req.resume().on('end', () => res.writeHead(200, { 'X-Immich-ML-Route': 'mine' }).end(GOOD_ANSWER))
    })
    const { url } = await serveRouter({ backends: { gpu: { url: backend } } })
    expect(await ask(url)).toMatch(/^default; gpu chosen: /)
    expect((await post(url, search)).headers['x-immich-ml-route']).toBe('mine')
  })
})

describe('the option explainHeader', () => {
  it.each([
    ['always', {}, true],
    ['always', ASKED, true],
    [false, ASKED, false],
    ['on-request', { headers: { 'x-immich-ml-explain': '0' } }, false],
  ] as const)('%s, for a request with %j', async (explainHeader, options, told) => {
    const stub = await stubMl()
    const { url } = await serveRouter({ backends: { gpu: { url: stub.url } }, explainHeader })
    const { headers } = await post(url, search, options)
    expect(headers['x-immich-ml-route'] !== undefined).toBe(told)
  })
})

describe.each(adapters)('with the three middlewares of $name', ({ compose }) => {
  it.skipIf(typeof compose !== 'function')(
    'a response says why as well, and when code has chosen',
    async () => {
      if (typeof compose !== 'function') return
      const [nas, gpu] = [await stubMl(), await stubMl({ fault: 'refuse' })]
      let named: string | undefined
      const { listener, close } = compose({
        policy: {
          backends: { nas: { url: nas.url, tasks: ['clip'] }, gpu: { url: gpu.url } },
          routes: [{ backends: ['nas'] }],
        },
        afterClassify: (exchange) => {
          if (named !== undefined) exchange.use(named)
        },
      })
      onTestFinished(close)
      const { url } = await listen(listener)
      expect(await ask(url)).toMatch(/^default; nas chosen: /)
      expect(await ask(url, immichBody('ocr', imageBytes(100)))).toBe(
        'default; nas passed-over: does not serve ocr by its settings; 503 no-backend-available',
      )
      named = 'nas'
      expect(await ask(url)).toBe('chosen in code; nas chosen')
    },
  )
})

describe('router.explain()', () => {
  const unknown = {
    classified: false,
    entries: [],
    tasks: [],
    input: undefined,
    reason: 'no-entries',
  } as const

  it('changes nothing that the router says of itself, and answers what would be', async () => {
    const { router } = await serveRouter({ backends: { gpu: { url: 'http://127.0.0.1:1', health: false } } })
    const said = () => JSON.stringify({ ...router.status(), now: 0 })
    const before = said()
    expect(router.explain(unknown)).toMatchObject({
      route: 'default',
      decision: { kind: 'forward', backend: 'gpu' },
    })
    expect(said()).toBe(before)
    await router.close()
    expect(router.explain(unknown).decision).toMatchObject({ kind: 'reject', code: 'router-closed' })
  })

  it('knows of requests that do not come to the policy', async () => {
    const { router } = await serveRouter({
      backends: { gpu: { url: 'http://127.0.0.1:1' } },
      onUnclassified: 'reject',
    })
    expect(router.explain(unknown).decision).toMatchObject({
      kind: 'reject',
      status: 422,
      code: 'unclassified',
    })
  })
})
