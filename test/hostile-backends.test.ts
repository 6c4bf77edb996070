import { once } from 'node:events'
import { createRequire } from 'node:module'
import net from 'node:net'
import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { CONTENT_TYPE, GOOD_ANSWER, immichBody } from '@immich-ml-router/core/testing'
import { classifyPredict, forward, immichMlRouter, selectBackend } from '@immich-ml-router/express'
import type Express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { adapters, direct } from './adapters/all.ts'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

const body = immichBody('textSearch', 'cat')

/** A backend that reads the request and then writes these bytes, whatever they are. */
async function rawBackend(response: string): Promise<string> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.from(response, 'latin1')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`
}

const SIZED = `Content-Length: ${GOOD_ANSWER.length}\r\n\r\n${GOOD_ANSWER}`

/** `undefined` for the good answer itself. */
const responses: [what: string, response: string, status: number, body: RegExp | undefined][] = [
  ['a reason phrase in Latin-1', `HTTP/1.1 200 Sch\xf6n\r\n${SIZED}`, 200, undefined],
  ['no reason phrase', `HTTP/1.1 200 \r\n${SIZED}`, 200, undefined],
  ['an unknown status', `HTTP/1.1 299 Odd\r\n${SIZED}`, 299, undefined],
  ['no length at all', `HTTP/1.1 200 OK\r\n\r\n${GOOD_ANSWER}`, 200, undefined],
  ['no length, and only half of the JSON', 'HTTP/1.1 200 OK\r\n\r\n{"clip":"[0.', 502, /backend-failed/],
  [
    'half of its length',
    `HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n${GOOD_ANSWER}`,
    502,
    /backend-failed/,
  ],
  ['an empty object', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', 502, /backend-failed/],
  ['garbage', 'hello world\r\n\r\n', 502, /backend-failed/],
  ['nothing', '', 502, /backend-failed/],
  ['half a header', 'HTTP/1.1 200 OK\r\nContent-Le', 502, /backend-failed/],
  [
    'a header with a control character',
    `HTTP/1.1 200 OK\r\nX-Odd: a\x01b\r\nContent-Encoding: gzip\r\n${SIZED}`,
    502,
    /backend-failed/,
  ],
  ['two lengths', `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n${SIZED}`, 502, /backend-failed/],
]

describe.each([...adapters, ...direct])('a backend that answers, behind $name,', (adapter) => {
  it.each(responses)('%s', async (_, response, status, text) => {
    const { listener, router } = adapter.mount({ backends: { only: { url: await rawBackend(response) } } })
    const { url } = await listen(listener)
    const answer = await post(url, body)
    const given = text === undefined ? GOOD_ANSWER : expect.stringMatching(text)
    expect([answer.status, answer.body.toString()]).toEqual([status, given])
    if (status === 502) expect(answer.headers['content-encoding']).toBeUndefined()
    expect((await fetch(`${url}/ping`)).status).toBe(200)
    expect(router.status().backends[0]?.inFlight).toBe(0)
  })
})

describe('close()', () => {
  it('ends in its time, whatever clients and backends do', async () => {
    const stub = await stubMl({ fault: 'hang' })
    const { router, url } = await serveRouter({ backends: { only: { url: stub.url } } })
    const hanging = post(url, body)
    const stalled = net.connect(Number(new URL(url).port), '127.0.0.1')
    stalled.on('error', () => {})
    stalled.write(
      `POST /predict HTTP/1.1\r\nhost: r\r\ncontent-type: ${CONTENT_TYPE}\r\ncontent-length: 900\r\n\r\n--`,
    )
    const cut = once(stalled, 'close')
    await until(() => router.status().active === 2 && stub.started === 1, 'both are active')
    await router.close({ timeout: 20 })
    expect((await hanging).status).toBe(503)
    expect(router.status().backends[0]?.health.tasks).toEqual({})
    await cut
    expect(router.status()).toMatchObject({ state: 'closed', active: 0, backends: [{ inFlight: 0 }] })
  })
})

describe('close({ timeout })', () => {
  it.each([Number.NaN, -5, '5s'])('refuses %s', (timeout) => {
    const router = createRouter({ backends: { only: { url: 'http://127.0.0.1:9' } }, health: false })
    expect(() => router.close({ timeout: timeout as number })).toThrow(RangeError)
    return router.close({ timeout: 0 })
  })

  it.each([Number.POSITIVE_INFINITY, 2 ** 31])('%s lets requests finish', async (timeout) => {
    const stub = await stubMl({ serviceTime: 50 })
    const { router, url } = await serveRouter({ backends: { only: { url: stub.url } } })
    const running = post(url, body)
    await until(() => stub.started === 1, 'it is running')
    await router.close({ timeout })
    expect((await running).status).toBe(200)
  })
})

describe('what a client may ask for', () => {
  it('is the whole URL, as a client of a proxy does', async () => {
    const stub = await stubMl()
    const { url } = await serveRouter({ backends: { only: { url: stub.url } } })
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(
      `POST http://router/predict HTTP/1.1\r\nhost: router\r\ncontent-type: ${CONTENT_TYPE}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`,
    )
    socket.write(body)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 OK/)
    expect(stub.received[0]?.url).toBe('/predict')
    socket.destroy()
  })
})

describe('mistakes in the code around the router', () => {
  it('a listener that throws fails no request, and is seen', async () => {
    const stub = await stubMl()
    const { router, url } = await serveRouter({ backends: { only: { url: stub.url } } })
    router.on('request', () => {
      throw new Error('in my listener')
    })
    const warning = once(process, 'warning')
    expect((await post(url, body)).status).toBe(200)
    expect(String((await warning)[0])).toContain('in my listener')
  })

  it("a backend that does not exist is Express's to report", async () => {
    const express: typeof Express = createRequire(import.meta.url)('express5')
    const stub = await stubMl()
    const app = express()
    const reported: unknown[] = []
    const policy: RouterOptions = { backends: { only: { url: stub.url } } }
    app.post(
      '/predict',
      classifyPredict(),
      classifyPredict(),
      (req, _res, next) => {
        req.immichMl?.use('nope')
        next()
      },
      selectBackend(policy),
      forward(),
    )
    app.use(
      (
        error: Error,
        _req: unknown,
        res: { status(code: number): { json(it: unknown): void } },
        _next: unknown,
      ) => {
        reported.push(error.message)
        res.status(599).json({})
      },
    )
    const { url } = await listen(app)
    expect((await post(url, body)).status).toBe(599)
    expect(reported).toEqual(['"nope" is not among the backends: only.'])
  })

  it('a body that was released too early is an error, and the slot comes back', async () => {
    const express: typeof Express = createRequire(import.meta.url)('express5')
    const stub = await stubMl()
    const app = express()
    let taken: { readonly inFlight: number } | undefined
    app.post('/predict', classifyPredict(), selectBackend({ backends: { only: { url: stub.url } } }))
    app.use((req, _res, next) => {
      taken = req.immichMl?.lease?.backend
      req.immichMl?.body.release()
      next()
    }, forward())
    const { url } = await listen(app)
    const answer = await post(url, body)
    expect([answer.status, JSON.parse(answer.body.toString())]).toMatchObject([
      500,
      { detail: expect.stringContaining('was released') },
    ])
    expect([stub.started, taken?.inFlight]).toEqual([0, 0])
  })

  it('two routers in one application do not meet', async () => {
    const express: typeof Express = createRequire(import.meta.url)('express5')
    const [a, b] = [await stubMl(), await stubMl()]
    const app = express()
    app.use('/a', immichMlRouter({ backends: { a: { url: a.url } } }))
    app.use('/b', immichMlRouter({ backends: { b: { url: b.url } } }))
    const { url } = await listen(app)
    expect((await post(url, body, { path: '/b/predict' })).headers['x-immich-ml-backend']).toBe('b')
    expect([a.started, b.started]).toEqual([0, 1])
  })
})
