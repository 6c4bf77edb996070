import http from 'node:http'
import { createRouter, deferContinue, type RequestEvent, type RouterOptions } from '@immich-ml-router/core'
import { CONTENT_TYPE, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Surroundings } from './adapters/adapter.ts'
import { adapters, direct } from './adapters/all.ts'
import { rawConnection } from './support/raw-client.ts'
import { listen, stubMl } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/** The head of a request whose client waits for 100. */
function head(
  length: number | string,
  { path = '/predict', type = CONTENT_TYPE, headers = '' } = {},
): string {
  return (
    `POST ${path} HTTP/1.1\r\nhost: r\r\nexpect: 100-continue\r\ncontent-type: ${type}\r\n${headers}` +
    `${typeof length === 'number' ? `content-length: ${length}` : `transfer-encoding: ${length}`}\r\n\r\n`
  )
}

/** Status lines of everything that was answered. */
const statuses = (answer: string) => answer.match(/HTTP\/1\.1 \d+/g)?.map((line) => Number(line.slice(9)))

/** A whole final answer: its head, and the end of a JSON or a text body. */
const ANSWERED = /HTTP\/1\.1 [2-5]\d\d .*\r\n\r\n.+/s

async function serve(listener: http.RequestListener) {
  const server = http.createServer(listener)
  deferContinue(server)
  return listen(server)
}

const body = immichBody('textSearch', 'cat')

describe.each([...adapters, ...direct])('$name', (adapter) => {
  async function served(options: Partial<RouterOptions> = {}, around: Surroundings = {}) {
    const stub = await stubMl()
    const mounted = adapter.mount({ backends: { only: { url: stub.url } }, ...options }, around)
    return { stub, ...(await serve(mounted.listener)), ...mounted }
  }

  async function answerTo(url: string, request: string): Promise<string> {
    const connection = rawConnection(url)
    connection.write(request)
    return connection.until(ANSWERED)
  }

  it('says 100 once, when it accepts the request', async () => {
    const { url, stub } = await served()
    const connection = rawConnection(url)
    for (const [count, framed] of [
      [1, body],
      [2, body],
    ] as const) {
      connection.write(head(framed.length))
      await connection.until(new RegExp(`(?:100 Continue.*){${count}}`, 's'))
      connection.write(framed)
      const answer = await connection.until(new RegExp(`(?:HTTP/1.1 200 .*"clip".*){${count}}`, 's'))
      expect(statuses(answer)).toEqual(Array(count).fill([100, 200]).flat())
    }
    expect(stub.received.map((request) => request.sha256)).toEqual([sha256(body), sha256(body)])
    expect(stub.received[0]?.headers['expect']).toBeUndefined()
  })

  it('does not wait with 100 for a client that sends its body at once', async () => {
    const { url } = await served()
    const answer = await answerTo(url, head(body.length) + body.toString('latin1'))
    expect(statuses(answer)?.at(-1)).toBe(200)
  })

  const rejects = { onUnclassified: 'reject' } as const
  it.each<[what: string, status: number, request: string, options?: Partial<RouterOptions>]>([
    ['a declared length over the limit', 413, head(33 * 1024 * 1024)],
    ['a transfer coding', 501, head('gzip, chunked')],
    ['a body that cannot be classified', 422, head(20, { type: 'application/json' }), rejects],
    ['a path that is not the router’s', 418, head(20, { path: '/elsewhere' })],
  ])('refuses %s with %i and no 100, and closes the connection', async (_what, status, request, options) => {
    const { url, stub } = await served(options)
    const answer = await answerTo(url, request)
    expect(statuses(answer)).toEqual([status])
    expect(answer).toMatch(/connection: close/i)
    expect(stub.started).toBe(0)
  })

  it('refuses with 503 and no 100 once it is closed', async () => {
    const { url, router } = await served()
    await router.close()
    expect(statuses(await answerTo(url, head(body.length)))).toEqual([503])
  })

  if (adapter.bodyParsers === true)
    it('lets another middleware read the body', async () => {
      const { url, stub } = await served({}, { before: 'keeps-body' })
      const connection = rawConnection(url)
      connection.write(head(body.length))
      expect(await connection.until(/100 Continue\r\n\r\n/)).toBe(CONTINUE)
      connection.write(body)
      expect(statuses(await connection.until(ANSWERED))).toEqual([100, 200])
      expect(stub.received[0]?.sha256).toBe(sha256(body))
    })

  const { compose } = adapter
  if (typeof compose === 'function')
    it('composed of its three parts, refuses by the head without 100, and says it once where it accepts', async () => {
      const stub = await stubMl()
      const { listener } = compose({ policy: { backends: { only: { url: stub.url } } } })
      const { url } = await serve(listener)
      expect(statuses(await answerTo(url, head(33 * 1024 * 1024)))).toEqual([413])
      const connection = rawConnection(url)
      connection.write(head(body.length))
      await connection.until(/100 Continue/)
      connection.write(body)
      expect(statuses(await connection.until(ANSWERED))).toEqual([100, 200])
    })
})

it('answers 404 without 100 where there is no application', async () => {
  const router = createRouter({ backends: { only: { url: (await stubMl()).url } } })
  const { url } = await serve((req, res) => router.handle(req, res))
  const connection = rawConnection(url)
  connection.write(head(20, { path: '/elsewhere' }))
  expect(statuses(await connection.until(ANSWERED))).toEqual([404])
  await router.close()
})

it('does not put up with another listener, which would handle each request as well', async () => {
  const server = http.createServer()
  deferContinue(server)
  expect(() => deferContinue(server)).toThrow(/has a "checkContinue" listener/)
})

it('reports the status of a refusal that its client got, though it left without sending the body', async () => {
  const router = createRouter({
    backends: { only: { url: 'http://127.0.0.1:9' } },
    maxBodySize: '1kb',
    health: false,
  })
  onTestFinished(() => router.close({ timeout: 0 }))
  const reported = new Promise<RequestEvent>((resolve) => router.on('request', resolve))
  const { url } = await serve((req, res) => router.handle(req, res))
  const connection = rawConnection(url)
  connection.write(head(5_000))
  expect(statuses(await connection.until(ANSWERED))).toEqual([413])
  connection.destroy()
  expect((await reported).status).toBe(413)
})
