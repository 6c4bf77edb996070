import { describe, expect, it } from 'vitest'
import { post } from '../../../../test/support/client.ts'
import { serveRouter } from '../../../../test/support/router-server.ts'
import { listen, stubMl, until } from '../../../../test/support/servers.ts'
import { immichBody } from '../testing/immich-requests.ts'
import { createRouter } from './create-router.ts'

const body = immichBody('textSearch', 'a red boat')

describe('a router', () => {
  it('answers predict and ping, and 404 for anything else without next', async () => {
    const stub = await stubMl()
    const { url } = await serveRouter({
      backends: { ml: { url: stub.url } },
      path: '/ml',
      transport: 'direct',
    })
    expect((await post(url, body, { path: '/ml/predict' })).status).toBe(200)
    expect((await post(url, body)).status).toBe(404)
    expect(await (await fetch(`${url}/ml/ping`)).text()).toBe('pong')
    expect((await fetch(`${url}/ml/other`)).status).toBe(404)
  })

  it('emits a request event with the attempts, and forgets the request', async () => {
    const [broken, stub] = await Promise.all([listen((req) => req.socket.destroy()), stubMl()])
    const { router, url, requests } = await serveRouter({
      backends: { broken: { url: broken.url }, ml: { url: stub.url } },
      routes: [{ name: 'all', backends: ['broken', 'ml'], strategy: 'first' }],
      health: false,
      transport: 'direct',
    })
    await post(url, body)
    await until(() => requests.length > 0, 'the event')
    expect(requests[0]).toMatchObject({ route: 'all', status: 200, outcome: { kind: 'answered' } })
    expect(requests[0]?.attempts.map(({ backend }) => backend)).toEqual(['broken', 'ml'])
    expect(router.status()).toMatchObject({ state: 'running', active: 0 })
  })

  it('tells its options, and after a reload the new ones', () => {
    const before = { backends: { ml: { url: 'http://ml:3003' } }, transport: 'direct' } as const
    const router = createRouter({ ...before, proxy: undefined })
    expect(router.modules.config()).toEqual(before)
    const after = { backends: { gpu: { url: 'http://gpu:3003' } } }
    router.reload(after)
    expect(router.modules.config()).toEqual(after)
    expect(() => router.reload({ backends: {} })).toThrow()
    expect(router.modules.config()).toEqual(after)
  })

  it('has listeners that hear one event, and that stop', async () => {
    const stub = await stubMl()
    const { router, url } = await serveRouter({ backends: { ml: { url: stub.url } }, transport: 'direct' })
    const heard: string[] = []
    const always = () => heard.push('always')
    router.on('request', always)
    router.once('request', () => heard.push('once'))
    router.once('request', () => heard.push('never'))()
    const off = () => heard.push('off')
    router.once('request', off)
    router.off('request', off)
    await post(url, body)
    await until(() => heard.length === 2, 'the first event')
    router.off('request', always)
    await post(url, body)
    await until(() => router.status().active === 0, 'all is over')
    expect(heard).toEqual(['always', 'once'])
  })

  it('ends its drain when the signal of any close() is aborted', async () => {
    const stub = await stubMl({ fault: 'hang' })
    const { router, url, requests } = await serveRouter({
      backends: { ml: { url: stub.url } },
      transport: 'direct',
    })
    const answer = post(url, body)
    await until(() => stub.started === 1, 'the backend has it')
    const [first, second] = [new AbortController(), new AbortController()]
    const closed = Promise.all([
      router.close({ timeout: Number.POSITIVE_INFINITY, signal: first.signal }),
      router.close({ signal: second.signal }),
    ])
    expect(router.status()).toMatchObject({ state: 'closing', active: 1 })
    second.abort()
    await closed
    expect(router.status().state).toBe('closed')
    expect((await answer).status).toBe(503)
    expect(requests).toHaveLength(1)
    await router.close({ signal: AbortSignal.abort() })
  })

  it('does not drain with a signal that is aborted already, and is closed at the end of a block', async () => {
    const stub = await stubMl({ fault: 'hang' })
    const { router, url } = await serveRouter({ backends: { ml: { url: stub.url } }, transport: 'direct' })
    const answer = post(url, body)
    await until(() => stub.started === 1, 'the backend has it')
    await router.close({ timeout: Number.POSITIVE_INFINITY, signal: AbortSignal.abort() })
    expect((await answer).status).toBe(503)
    const other = createRouter({ backends: { ml: { url: stub.url } } })
    await other[Symbol.asyncDispose]()
    expect(other.status().state).toBe('closed')
  })

  it('changes nothing when a reload has a mistake', async () => {
    const stub = await stubMl()
    const { router, url } = await serveRouter({ backends: { ml: { url: stub.url } }, transport: 'direct' })
    expect(() => router.reload({ backends: { ml: { url: stub.url } }, bodyMemory: 'many' })).toThrow(
      /bodyMemory/,
    )
    expect((await post(url, body)).status).toBe(200)
  })

  it('refuses requests and reloads once it is closed', async () => {
    const stub = await stubMl()
    const { router, url } = await serveRouter({ backends: { ml: { url: stub.url } }, transport: 'direct' })
    await router.close()
    const { status, headers } = await post(url, body)
    expect([status, headers.connection]).toEqual([503, 'close'])
    expect(() => router.reload({ backends: {} })).toThrow(/shutting down/)
    expect(router.status().state).toBe('closed')
  })

  it('names the new option for one that was renamed', () => {
    const options = { backends: { ml: { url: 'http://ml' } }, forwarder: 'direct' }
    expect(() => createRouter(options)).toThrow('forwarder is now transport')
  })
})
