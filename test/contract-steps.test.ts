import type { RequestEvent, RouterError } from '@immich-ml-router/core'
import { GOOD_ANSWER, imageBytes, immichBody, immichForm, multipart } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { AdapterUnderTest, Steps } from './adapters/adapter.ts'
import { adapters } from './adapters/all.ts'
import { post } from './support/client.ts'
import { received, seed } from './support/contract-seed.ts'
import { listen, stubMl, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

/** Mounts the steps before a router whose only backend takes one request at a time. */
async function mountOneSlot(adapter: AdapterUnderTest, steps: Steps) {
  const backend = { started: 0, open: Promise.resolve() }
  const { url: gpu } = await listen((req, res) => {
    backend.started++
    const answer = async () => {
      await backend.open
      res.setHeader('content-type', 'application/json').end(GOOD_ANSWER)
    }
    req.resume().on('end', answer)
  })
  const mounted = adapter.steps({ backends: { gpu: { url: gpu, maxConcurrent: 1 } }, health: false }, steps)
  onTestFinished(() => mounted.router.close({ timeout: 0 }))
  const { url } = await listen(mounted.listener)
  const send = (size = 100) => post(url, immichBody('indexing', imageBytes(size)))
  return { backend, router: mounted.router, send }
}

describe.each(adapters)('$name', (adapter) => {
  describe('classifyPredict() before immichMlRouter()', () => {
    it('is not repeated, and every byte reaches the backend', async () => {
      const { url, stubs, router } = await seed(adapter, {}, { before: 'classifies' })
      const events: RequestEvent[] = []
      router.on('request', (event) => events.push(event))
      for (const body of [immichBody('indexing', imageBytes(500_000)), immichBody('ocr', imageBytes(100))])
        for (const framing of ['content-length', 'chunked'] as const) {
          expect((await post(url, body, { framing })).headers['x-immich-ml-backend']).toBe('image')
          expect(stubs.image.received.at(-1)?.sha256).toBe(sha256(body))
        }
      const response = await fetch(`${url}/predict`, {
        method: 'POST',
        body: immichForm('textSearch', 'cat'),
      })
      expect([response.status, response.headers.get('x-immich-ml-backend')]).toEqual([200, 'text'])
      await until(() => events.length === 5, 'the events')
      expect(events[4]).toMatchObject({ route: 'text', status: 200, client: '127.0.0.1' })
      expect(router.status().active).toBe(0)
      expect(await (await fetch(`${url}/ping`)).text()).toBe('pong')
      await router.close()
      expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(503)
    })
  })

  describe.each<Steps['count']>([1, 2, 3])('%i steps of a router, before it', (count) => {
    async function stepwise(steps: Omit<Steps, 'count'> = {}) {
      const { stubs, policy } = await seed(adapter)
      const { listener, router } = adapter.steps(
        { ...policy, maxBodySize: '4mb', onUnclassified: 'reject' },
        { count, ...steps },
      )
      const { url } = await listen(listener)
      const events: RequestEvent[] = []
      router.on('request', (event) => events.push(event))
      return { stubs, url, router, events }
    }

    it('have its paths, options, status, events and drain', async () => {
      let active = 0
      const { url, stubs, router, events } = await stepwise({
        afterClassify: () => {
          active = router.status().active
          return false
        },
      })
      const body = immichBody('indexing', imageBytes(300_000))
      expect((await post(url, body)).headers['x-immich-ml-backend']).toBe('image')
      expect([stubs.image.received[0]?.sha256, active]).toEqual([sha256(body), 1])
      await until(() => events.length === 1, 'the event')
      expect(events[0]).toMatchObject({
        route: 'image',
        status: 200,
        bodySize: body.length,
        error: undefined,
      })
      expect(events[0]?.steps.classify).toBeGreaterThan(0)
      expect(router.status().active).toBe(0)
      expect((await post(url, immichBody('indexing', imageBytes(5_000_000)))).status).toBe(413)
      expect((await post(url, multipart([{ header: 'text', content: 'cat' }]))).status).toBe(422)
      expect((await fetch(`${url}/other`, { method: 'POST', body: 'mine' })).status).toBe(418)
      expect(await (await fetch(`${url}/ping`)).text()).toBe('pong')
      await until(() => events.length === 3, 'the events of the refused')
      // The end of the first is that of its upload, which may come later.
      const refused = events.slice(1).map(({ error }) => (error as RouterError | undefined)?.code)
      expect(new Set(refused)).toEqual(new Set(['body-too-large', 'unclassified']))
      await router.close()
      const closed = await post(url, body)
      expect([closed.status, JSON.parse(closed.body.toString()).code]).toEqual([503, 'router-closed'])
    })

    it('let middleware overrule the classification and the backend, and answer', async () => {
      const named = await stepwise({
        afterClassify: (exchange) => {
          exchange.use('other')
          return false
        },
      })
      const answer = await post(named.url, immichBody('textSearch', 'cat'))
      expect(answer.headers['x-immich-ml-backend']).toBe('other')
      const refusing = await stepwise({ afterClassify: () => true })
      expect((await post(refusing.url, immichBody('textSearch', 'cat'))).status).toBe(403)
      expect(received(refusing.stubs)).toEqual({ text: 0, image: 0, other: 0 })
      await until(() => refusing.events.length === 1, 'the event')
      expect(refusing.events[0]).toMatchObject({ status: 403, error: undefined, backend: undefined })
      expect(refusing.router.status().active).toBe(0)
    })

    it('fail over, and count a client that leaves', async () => {
      const [broken, good] = [await stubMl({ fault: 'refuse' }), await stubMl()]
      const mounted = adapter.steps(
        {
          backends: { broken: { url: broken.url }, good: { url: good.url } },
          routes: [{ backends: ['broken', 'good'], strategy: 'first' }],
          health: false,
        },
        { count },
      )
      const { url } = await listen(mounted.listener)
      const events: RequestEvent[] = []
      mounted.router.on('request', (event) => events.push(event))
      expect((await post(url, immichBody('textSearch', 'cat'))).headers['x-immich-ml-backend']).toBe('good')
      await until(() => events.length === 1, 'the event')
      expect(events[0]?.attempts).toHaveLength(2)
      await good.setFault('hang')
      const leaving = new AbortController()
      const left = post(url, immichBody('textSearch', 'cat'), { signal: leaving.signal })
      left.catch(() => {})
      await until(() => good.started === 2, 'the backend has it')
      leaving.abort()
      await until(() => events.length === 2, 'it is gone')
      expect([events[1]?.status, events[1]?.outcome?.kind]).toEqual([undefined, 'client-left'])
      expect(mounted.router.status().active).toBe(0)
      await mounted.router.close({ timeout: 0 })
    })
  })

  describe.each<Steps['count']>([1, 2, 3])('%i steps of a router with one slot', (count) => {
    const oneSlot = (steps: Omit<Steps, 'count'> = {}) => mountOneSlot(adapter, { count, ...steps })

    it('answer when middleware between them fails, however large the upload is', async () => {
      const { router, send } = await oneSlot({ afterClassify: () => Promise.reject(new Error('mine')) })
      for (const size of [100, 100_000, 300_000, 3_000_000]) {
        expect((await send(size)).status).toBe(500)
        await until(() => router.status().active === 0, 'the request is over')
      }
    })

    it('need one slot, also when a backend is selected again', async () => {
      const { router, send } = await oneSlot({
        afterSelect: async (exchange) => void (await router.select(exchange)),
      })
      const answers = await Promise.all([send(), send(), send()])
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      expect(router.status().backends[0]?.inFlight).toBe(0)
    })

    it('end before the drain does, when it begins between them', async () => {
      const gate = Promise.withResolvers<boolean>()
      const { backend, router, send } = await oneSlot({
        afterClassify: ({ body }) => body.size > 10_000 && gate.promise.then(() => false),
      })
      const done = Promise.withResolvers<void>()
      backend.open = done.promise
      const running = send()
      await until(() => backend.started === 1, 'the first is sent')
      const queued = send()
      await until(() => [...router.waiting()].length === 1, 'the second is queued')
      const between = [send(20_000), send(20_000)]
      await until(() => router.status().active === 4, 'the others are between the steps')
      const closed = router.close({ timeout: 60_000 })
      gate.resolve(true)
      await until(() => [...router.waiting()].length === 3, 'they are queued')
      done.resolve()
      const statuses = async (of: Promise<{ status: number }>[]) =>
        (await Promise.all(of)).map(({ status }) => status)
      expect(await statuses([running, ...between, queued])).toEqual([200, 200, 200, 503])
      await closed
    })
  })

  describe('a route by the head of a request', () => {
    it('is by header, and by the path as the client sent it', async () => {
      const { policy, stubs } = await seed(adapter)
      const routes = [
        { match: { header: { 'X-Tenant': 'family' } }, backends: ['text'] },
        { match: { path: ['/ml/home/predict', '/home/predict'] }, backends: ['image'] },
        { backends: ['other'] },
      ]
      const prefixes = adapter.prefixes === true ? ['', '/ml'] : ['']
      for (const prefix of prefixes) {
        const mounted = adapter.mount(
          { ...policy, routes, path: ['/', '/home'] },
          prefix === '' ? {} : { prefix },
        )
        const { url } = await listen(mounted.listener)
        const search = async (path: string, headers: Record<string, string> = {}) => {
          const body = immichForm('textSearch', 'cat')
          const response = await fetch(url + prefix + path, { method: 'POST', body, headers })
          await response.text()
          return response.headers.get('x-immich-ml-backend')
        }
        expect([
          await search('/predict', { 'x-tenant': 'family' }),
          await search('/predict', { 'x-tenant': 'office' }),
          await search('/home/predict?a=/predict'),
        ]).toEqual(['text', 'other', 'image'])
        expect(await (await fetch(`${url}${prefix}/home/ping`)).text()).toBe('pong')
      }
      expect(received(stubs)).toEqual({
        text: prefixes.length,
        image: prefixes.length,
        other: prefixes.length,
      })
    })
  })
})

describe('steps of a router that closes between them', () => {
  /** @returns What the client gets, and how many requests the backend got. */
  async function closeBetween(adapter: AdapterUnderTest, count: Steps['count']) {
    const gate = Promise.withResolvers<boolean>()
    const isNamed = count < 3
    const { backend, router, send } = await mountOneSlot(adapter, {
      count,
      afterClassify: async (exchange) => {
        if (!isNamed) return false
        await gate.promise
        exchange.use('gpu')
        return false
      },
      afterSelect: async () => void (isNamed || (await gate.promise)),
    })
    const answer = send().catch(() => ({ status: 'cut' }))
    await until(() => router.status().backends[0]?.inFlight === (isNamed ? 0 : 1), 'it is between the steps')
    await until(() => router.status().active === 1, 'it is there')
    await router.close({ timeout: 0 })
    gate.resolve(true)
    return { status: (await answer).status, started: backend.started }
  }

  // Each close waits for a second, so all of them are at once.
  it('send nothing once it is closed, in every adapter', async () => {
    const cases = adapters.flatMap((adapter) => ([1, 2, 3] as const).map((count) => ({ adapter, count })))
    const ended = cases.map(async ({ adapter, count }) => ({
      name: `${adapter.name} ${count}`,
      ...(await closeBetween(adapter, count)),
    }))
    for (const { name, status, started } of await Promise.all(ended))
      expect([name, started, status === 503 || status === 'cut']).toEqual([name, 0, true])
  })
})
