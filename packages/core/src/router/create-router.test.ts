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
