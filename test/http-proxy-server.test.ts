import http from 'node:http'
import https from 'node:https'
import { createRouter } from '@immich-ml-router/core'
import { GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { ProxyServer } from 'http-proxy-3'
import { generate } from 'selfsigned'
import { describe, expect, it, vi } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

const body = immichBody('indexing', imageBytes(300_000))

describe("a user's own http-proxy-3 server", () => {
  it('fires its events, with the real request and response', async () => {
    const stub = await stubMl()
    const proxy = new ProxyServer({ xfwd: true })
    const events: unknown[] = []
    proxy.on('start', (req, _res, target) =>
      events.push(['start', req.url, req.headers['x-mine'], String(target)]),
    )
    proxy.on('proxyRes', (proxyRes, req, res) =>
      events.push(['proxyRes', proxyRes.statusCode, req.socket.remotePort !== undefined, res.headersSent]),
    )
    proxy.on('end', () => events.push(['end']))
    const { url } = await serveRouter({ backends: { only: { url: stub.url } }, proxy })
    await post(url, body, { headers: { 'x-mine': 'yes', 'x-forwarded-for': 'forged' } })
    expect(events).toEqual([
      ['start', '/predict', 'yes', `${stub.url}/predict`],
      ['proxyRes', 200, true, true],
      ['end'],
    ])
    // xfwd is the user's wish: http-proxy-3 tells who the client is, and the client's own claim is not believed.
    expect(stub.received[0]?.headers['x-forwarded-for']).toMatch(/127\.0\.0\.1$/)
    expect(stub.received[0]?.headers['x-forwarded-for']).not.toContain('forged')
  })

  it('fires error for an attempt that failed, and proxyRes for an answer that is not good', async () => {
    const [broken, wrong, good] = await Promise.all([
      listen((req) => req.socket.destroy()),
      listen((req, res) => req.resume().on('end', () => res.writeHead(502).end())),
      stubMl(),
    ])
    const proxy = new ProxyServer()
    const events: unknown[] = []
    proxy.on('start', (_req, _res, target) => events.push(['start', String(target)]))
    proxy.on('error', (error, req, _res, target) =>
      events.push(['error', Reflect.get(error, 'code'), req.url, String(target)]),
    )
    proxy.on('proxyRes', ({ statusCode }) => events.push(['proxyRes', statusCode]))
    const { url } = await serveRouter({
      backends: { broken: { url: broken.url }, wrong: { url: wrong.url }, good: { url: good.url } },
      routes: [{ backends: ['broken', 'wrong', 'good'], strategy: 'first' }],
      proxy,
      health: false,
    })
    expect((await post(url, body)).status).toBe(200)
    expect(events).toEqual([
      ['start', `${broken.url}/predict`],
      [
        'error',
        expect.stringMatching(/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/),
        '/predict',
        `${broken.url}/predict`,
      ],
      ['start', `${wrong.url}/predict`],
      ['proxyRes', 502],
      ['start', `${good.url}/predict`],
      ['proxyRes', 200],
    ])
  })

  it('sends the headers that a listener of start has set, and only for that attempt', async () => {
    const stub = await stubMl()
    const proxy = new ProxyServer()
    let replaced: unknown
    proxy.on('start', (req) => {
      req.headers = { ...req.headers, 'x-added': 'yes' }
    })
    const router = createRouter({ backends: { only: { url: stub.url } }, proxy })
    const { url } = await listen(async (req, res) => {
      await router.handle(req, res)
      replaced = req.headers['x-added']
    })
    await post(url, body)
    expect(stub.received[0]?.headers['x-added']).toBe('yes')
    expect(replaced).toBeUndefined()
    await router.close()
  })

  it.each(['start', 'proxyRes', 'end', 'error'] as const)(
    'goes on when a listener of %s throws',
    async (event) => {
      const warnings: unknown[] = []
      const onWarning = vi
        .spyOn(process, 'emitWarning')
        .mockImplementation((warning) => warnings.push(warning))
      const [broken, good] = await Promise.all([listen((req) => req.socket.destroy()), stubMl()])
      const proxy = new ProxyServer()
      proxy.on(event, () => {
        throw new Error('in the listener')
      })
      const { router, url } = await serveRouter({
        backends: { broken: { url: broken.url }, good: { url: good.url } },
        routes: [{ backends: ['broken', 'good'], strategy: 'first' }],
        proxy,
        health: false,
      })
      expect((await post(url, body)).status).toBe(200)
      await until(() => warnings.length > 0, 'the error is a warning')
      expect(warnings).toContainEqual(new Error('in the listener'))
      expect(router.status().backends.map(({ inFlight }) => inFlight)).toEqual([0, 0])
      onWarning.mockRestore()
    },
  )

  it('answers, whatever its listeners do to the response', async () => {
    const [broken, good] = await Promise.all([listen((req) => req.socket.destroy()), stubMl()])
    const proxy = new ProxyServer()
    const answerIt = (res: http.ServerResponse) => {
      res.statusCode = 500
      res.setHeader('x-mine', 'yes')
      res.writeHead(500, { 'content-type': 'text/plain' }).end('mine')
    }
    proxy.on('start', (_req, res) => answerIt(res as http.ServerResponse))
    proxy.on('error', (_error, _req, res) => answerIt(res as http.ServerResponse))
    proxy.on('proxyRes', (_proxyRes, _req, res) => answerIt(res as http.ServerResponse))
    const { url } = await serveRouter({
      backends: { broken: { url: broken.url }, good: { url: good.url } },
      routes: [{ backends: ['broken', 'good'], strategy: 'first' }],
      proxy,
      health: false,
    })
    const { status, headers, body: answer } = await post(url, body)
    expect([status, headers['x-mine']]).toEqual([200, undefined])
    expect(answer.toString()).not.toBe('mine')
  })

  it('collects no listeners on a connection that is used again and again', async () => {
    const stub = await stubMl()
    const router = createRouter({ backends: { only: { url: stub.url } } })
    const counts = new Set<string>()
    const { url } = await listen(async (req, res) => {
      await router.handle(req, res)
      const { socket } = req
      counts.add(
        JSON.stringify(
          [req, res, socket].map((emitter) =>
            emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]),
          ),
        ),
      )
    })
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    for (let i = 0; i < 30; i++) await post(url, body, { agent })
    agent.destroy()
    // The first request on a connection may differ from the later ones; these must not differ from each other.
    expect(counts.size).toBeLessThanOrEqual(2)
  })
})

describe("the options of an http-proxy-3 server of the router's own", () => {
  it('add what xfwd says of the client to what the client may say', async () => {
    const stub = await stubMl()
    const { url } = await serveRouter({ backends: { only: { url: stub.url } }, proxy: { xfwd: true } })
    const { status } = await post(url, body, { headers: { 'x-mine': 'yes', 'x-forwarded-for': 'forged' } })
    expect(status).toBe(200)
    expect(stub.received[0]?.headers).toMatchObject({
      'x-mine': 'yes',
      'x-forwarded-for': expect.stringMatching(/^(::ffff:)?127\.0\.0\.1$/),
      'x-forwarded-proto': 'http',
    })
  })

  it('set the timeout of the connection to the client', async () => {
    const stub = await stubMl()
    const router = createRouter({ backends: { only: { url: stub.url } }, proxy: { timeout: 12_345 } })
    const timeouts: unknown[] = []
    const { url } = await listen(async (req, res) => {
      const setTimeout = vi.spyOn(req.socket, 'setTimeout')
      await router.handle(req, res)
      timeouts.push(...setTimeout.mock.calls.flat())
    })
    await post(url, body)
    await until(() => timeouts.includes(12_345), 'the timeout is set')
    await router.close()
  })
})

describe('a router without http-proxy-3', () => {
  it('adds the headers of the proxy options, and refuses what would be missed in silence', async () => {
    const stub = await stubMl()
    const backends = { only: { url: stub.url } }
    const options = { transport: 'direct', backends, health: false } as const
    const { url } = await serveRouter({
      ...options,
      proxy: { headers: { 'X-Own': 'yes' }, auth: 'me:secret' },
    })
    expect((await post(url, body)).status).toBe(200)
    expect(stub.received[0]?.headers).toMatchObject({
      'x-own': 'yes',
      authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
    })
    for (const proxy of [new ProxyServer(), { xfwd: true }])
      expect(() => createRouter({ ...options, proxy })).toThrow(/transport must be http-proxy-3 for the/)
  })
})

describe('TLS to a backend', () => {
  async function secureBackend() {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
      extensions: [
        {
          name: 'subjectAltName',
          altNames: [
            { type: 2, value: 'localhost' },
            { type: 7, ip: '127.0.0.1' },
          ],
        },
      ],
    })
    const server = https.createServer({ key, cert }, (req, res) =>
      req.resume().on('end', () => res.end(GOOD_ANSWER)),
    )
    const { url } = await listen(server as unknown as http.Server)
    return { url: url.replace('http:', 'https:'), cert }
  }

  it('is verified, and uses the settings of the proxy', async () => {
    const { url: backend, cert } = await secureBackend()
    const statuses: number[] = []
    for (const [proxy, transport] of [
      [undefined],
      [{ ca: cert }],
      [{ ssl: { ca: cert } }],
      [{ secure: false }],
      [new ProxyServer({ secure: false })],
      [undefined, 'direct'],
      [{ ca: cert }, 'direct'],
    ] as const) {
      const { router, url } = await serveRouter({ backends: { only: { url: backend } }, proxy, transport })
      statuses.push((await post(url, body)).status)
      await router.close()
    }
    expect(statuses).toEqual([502, 200, 200, 200, 200, 502, 200])
  })
})

describe('an idle connection to a backend', () => {
  it('is used again, and is closed by the router before an ML server would close it', async () => {
    const connections = new Set<unknown>()
    const patient = http.createServer({ keepAliveTimeout: 0 }, (req, res) => {
      connections.add(req.socket)
      req.resume().on('end', () => res.end(GOOD_ANSWER))
    })
    const { url: backend } = await listen(patient)
    const { url } = await serveRouter({ backends: { only: { url: backend } }, health: false })
    for (let i = 0; i < 5; i++) expect((await post(url, body)).status).toBe(200)
    expect(connections.size).toBe(1)
    const open = () => new Promise<number>((resolve) => patient.getConnections((_, count) => resolve(count)))
    expect(await open()).toBe(1)
    await until(async () => (await open()) === 0, 'the router has closed it')
  })
})
