import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { createRouter } from '@immich-ml-router/core'
import { BOUNDARY, CONTENT_TYPE, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

/** Where in its request a client leaves. */
const moments = [
  'before the body',
  'in the head',
  'in mid-upload',
  'while waiting',
  'in mid-response',
] as const
type Moment = (typeof moments)[number]

const body = immichBody('indexing', imageBytes(400_000))
const text = immichBody('textSearch', 'cat')

/** So little that answers go to the client as they come. */
const answerMemory = 100

/** Opens a connection, sends as much as the moment says, and goes. */
async function leave(port: number, moment: Moment, reset: boolean): Promise<void> {
  const bytes = moment === 'in mid-response' ? text : body
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(
    `POST /predict HTTP/1.1\r\nhost: r\r\ncontent-type: ${CONTENT_TYPE}\r\ncontent-length: ${bytes.length}\r\n\r\n`,
  )
  if (moment === 'in the head') socket.write(body.subarray(0, 60))
  if (moment === 'in mid-upload') socket.write(body.subarray(0, 150_000))
  if (moment === 'while waiting' || moment === 'in mid-response') socket.write(bytes)
  if (moment === 'in mid-response') await once(socket, 'data')
  else await new Promise((resolve) => setImmediate(resolve))
  if (reset) socket.resetAndDestroy()
  else socket.destroy()
}

describe('a client that leaves', () => {
  it.each(moments)('%s takes the attempt with it', async (moment) => {
    const stub = await stubMl({
      ...(moment === 'in mid-response' ? { fault: 'slow-body' } : { fault: 'hang' }),
    })
    const { router, server, url } = await serveRouter({ backends: { only: { url: stub.url } }, answerMemory })
    const port = Number(new URL(url).port)
    await leave(port, moment, false)
    if (moment !== 'before the body' && moment !== 'in the head') {
      await until(
        () => stub.started === 1 || router.status().active === 0,
        'the attempt began or was given up',
      )
    }
    await until(() => router.status().active === 0, 'nothing is active')
    expect(router.status().backends[0]?.inFlight).toBe(0)
    await until(async () => (await stub.connections()) === 0, 'the backend has no connection')
    await until(() => connections(server).then((count) => count === 0), 'the client has no connection')
  })

  it('a thousand times, leaves nothing behind', async () => {
    const stub = await stubMl({ fault: 'hang' })
    const slow = await stubMl({ fault: 'slow-body' })
    const router = createRouter({
      backends: {
        stub: { url: stub.url, maxConcurrent: 'unlimited' },
        slow: { url: slow.url, maxConcurrent: 'unlimited' },
      },
      routes: [{ match: { input: 'text' }, backends: ['slow'] }, { backends: ['stub'] }],
      answerMemory,
    })
    const outcomes: Record<string, number> = {}
    const late: unknown[] = []
    router.on('request', ({ outcome, error }) => {
      const kind = outcome?.kind ?? error?.name ?? 'none'
      outcomes[kind] = (outcomes[kind] ?? 0) + 1
    })
    process.on('warning', (warning) => late.push(warning))
    const { server, url } = await listen((req, res) => router.handle(req, res))
    const port = Number(new URL(url).port)
    const resources = () => process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length
    await post(url, text)
    await until(() => connections(server).then((count) => count === 0), 'the first connection is gone')
    await until(
      async () => (await stub.connections()) + (await slow.connections()) <= 1,
      'one idle connection is left',
    )
    const before = resources()
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 50 }, (_, i) => {
          const moment = moments[(i + round) % moments.length] ?? 'in the head'
          return leave(port, moment, i % 2 === 0)
        }),
      )
    }
    await until(() => router.status().active === 0, 'nothing is active')
    await until(() => connections(server).then((count) => count === 0), 'no client has a connection')
    await until(
      async () => (await stub.connections()) + (await slow.connections()) <= 1,
      'no attempt has a connection',
    )
    expect(router.status().backends.map(({ inFlight }) => inFlight)).toEqual([0, 0])
    expect(
      Object.keys(outcomes).filter((kind) => !['client-left', 'BodyFailedError', 'answered'].includes(kind)),
    ).toEqual([])
    expect(outcomes['client-left']).toBeGreaterThan(100)
    await until(() => resources() <= before, 'no socket and no timer is left').catch((e) => {
      console.log(before, process.getActiveResourcesInfo())
      throw e
    })
    await router.close()
    expect(late).toEqual([])
  })

  it('sends a body that stops without a reset, and the backend never takes it for whole', async () => {
    const stub = await stubMl()
    const { router, url } = await serveRouter({ backends: { only: { url: stub.url } } })
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(
      `POST /predict HTTP/1.1\r\nhost: r\r\ncontent-type: ${CONTENT_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n`,
    )
    const part = body.subarray(0, 100_000)
    socket.write(`${part.length.toString(16)}\r\n`)
    socket.write(part)
    socket.end()
    socket.resume()
    await once(socket, 'close')
    await until(() => router.status().active === 0, 'nothing is active')
    await until(() => stub.received.length === stub.started, 'the backend has seen the end')
    expect(stub.received.filter(({ complete }) => complete)).toEqual([])
  })
})

describe('close()', () => {
  it('finishes what is running, refuses what is new, and leaves no handle', async () => {
    const stub = await stubMl({ serviceTime: 200 })
    const { router, url } = await serveRouter({ backends: { only: { url: stub.url } } })
    const running = post(url, immichBody('textSearch', 'cat'))
    await until(() => stub.started === 1, 'the backend has it')
    const closing = router.close()
    expect(router.status().state).toBe('closing')
    expect((await post(url, immichBody('textSearch', 'cat'))).status).toBe(503)
    expect((await running).status).toBe(200)
    await closing
    expect(router.status().state).toBe('closed')
    await until(async () => (await stub.connections()) === 0, 'the backend has no connection')
  })
})

describe('an upload that Node gives up', () => {
  it.each([
    ['since it ends too early', 'content-length: 1000', ''],
    ['since a chunk of it is bad', 'transfer-encoding: chunked', 'no size\r\n'],
  ])('%s, is answered by Node, and told of with the reason and no status', async (_, framing, rest) => {
    const stub = await stubMl()
    const { router, url, requests } = await serveRouter({ backends: { only: { url: stub.url } } })
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    socket.write(`POST /predict HTTP/1.1\r\nhost: r\r\ncontent-type: ${CONTENT_TYPE}\r\n${framing}\r\n\r\n`)
    await until(() => router.status().active === 1, 'it is there')
    if (rest === '') socket.end()
    else socket.write(rest)
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    await once(socket, 'close')
    expect(Buffer.concat(chunks).toString()).toBe('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    await until(() => requests.length === 1, 'it is over')
    expect(requests).toMatchObject([
      { status: undefined, outcome: undefined, error: { code: 'body-failed' }, attempts: [] },
    ])
    expect(stub.started).toBe(0)
  })
})

describe('an early answer to a connection that closes behind it', () => {
  // Closing a socket with unread bytes resets it: the client would see EPIPE, and could lose the answer.
  it('waits for the upload, so that the client is not reset', async () => {
    const { url } = await serveRouter({ backends: { only: { url: 'http://127.0.0.1:1' } } })
    for (let i = 0; i < 5; i++) {
      const size = 34 * 1024 * 1024
      const headers = { 'content-type': CONTENT_TYPE, 'content-length': size }
      const req = http.request(`${url}/predict`, { method: 'POST', agent: false, headers })
      const errors: Error[] = []
      req.on('error', (error) => errors.push(error))
      const sent = new Promise((resolve) => req.end(Buffer.alloc(size), resolve as () => void))
      const [answer] = (await once(req, 'response')) as [http.IncomingMessage]
      expect([answer.statusCode, answer.headers.connection]).toEqual([413, 'close'])
      answer.resume()
      await once(answer, 'end')
      await sent
      await once(req, 'close')
      expect(errors).toEqual([])
    }
  })
})

describe('a connection that is kept alive', () => {
  it('serves one request after the other, whatever their bodies were', async () => {
    const stub = await stubMl()
    const { url } = await serveRouter({ backends: { only: { url: stub.url } }, maxBodySize: '1mb' })
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const statuses: number[] = []
    const garbage = Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n`), Buffer.alloc(100_000, 'x')])
    for (const [bytes, framing] of [
      [body, 'content-length'],
      [garbage, 'chunked'],
      [immichBody('indexing', imageBytes(2_000_000)), 'chunked'],
      [immichBody('indexing', imageBytes(2_000_000)), 'content-length'],
      [Buffer.alloc(0), 'content-length'],
      [body, 'chunked'],
    ] as const) {
      statuses.push((await post(url, bytes, { framing, agent })).status)
    }
    expect(statuses).toEqual([200, 400, 413, 413, 422, 200])
    agent.destroy()
  })
})

function connections(server: http.Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )
}
