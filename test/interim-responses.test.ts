import net from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import tls from 'node:tls'
import type { RouterOptions } from '@immich-ml-router/core'
import { GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Authority, authority, type KeyPair } from './support/certificates.ts'
import { post } from './support/client.ts'
import { serveRouter } from './support/router-server.ts'
import { stubMl, until } from './support/servers.ts'

const search = immichBody('textSearch', 'cat')

let ours: Authority
let certified: KeyPair
beforeAll(async () => {
  ours = await authority('ours')
  certified = await ours.certify(['127.0.0.1'])
})

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\nx: 2\r\n\r\n'
const PROCESSING = 'HTTP/1.0 102 Processing\r\n\r\n'
const final = (body = GOOD_ANSWER, head = '') =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${head}content-length: ${body.length}\r\n\r\n${body}`

interface RawOptions {
  readonly secure?: boolean
  /** Writes it byte by byte. */
  readonly pieces?: boolean
  /** What is sent as soon as a connection is there, and behind the head of a request. */
  readonly atOnce?: string
}

/** A server that answers each request with these bytes, whatever they are. */
async function rawBackend(
  answer: () => string,
  { secure = false, pieces = false, atOnce = '' }: RawOptions = {},
) {
  let connections = 0
  let requests = 0
  const sockets = new Set<net.Socket>()
  const write = async (socket: net.Socket, text: string) => {
    if (!pieces) return void socket.write(text, 'latin1')
    socket.setNoDelay(true)
    for (const byte of text) {
      if (socket.destroyed) return
      socket.write(byte, 'latin1')
      await nextTurn()
    }
  }
  const onConnection = (socket: net.Socket) => {
    connections++
    sockets.add(socket)
    let got = ''
    let begun = false
    socket.on('error', () => {})
    socket.on('data', async (chunk) => {
      got += chunk.toString('latin1')
      const head = got.indexOf('\r\n\r\n')
      if (head === -1) return
      if (!begun && atOnce !== '') socket.write(atOnce)
      begun = true
      const length = Number(/content-length: (\d+)/i.exec(got)?.[1] ?? 0)
      if (got.length < head + 4 + length) return
      got = got.slice(head + 4 + length)
      begun = false
      requests++
      await write(socket, answer())
    })
  }
  const server = secure ? tls.createServer(certified, onConnection) : net.createServer(onConnection)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as net.AddressInfo
  return {
    url: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`,
    get connections() {
      return connections
    },
    get requests() {
      return requests
    },
  }
}

describe.each(['http-proxy-3', 'direct'] as const)('with %s', (transport) => {
  describe.each([false, true])('and TLS: %s', (secure) => {
    const routerFor = (url: string, options: Partial<RouterOptions> = {}) =>
      serveRouter({
        backends: { gpu: { url, ...(secure ? { tls: { ca: ours.cert } } : {}) } },
        health: false,
        transport,
        ...options,
      })

    it.each([
      ['one 100', CONTINUE],
      ['several of all kinds', CONTINUE + HINTS + PROCESSING + CONTINUE],
      ['one with headers', 'HTTP/1.1 100 Continue\r\ncontent-length: 5\r\ndate: now\r\n\r\n'],
      ['one without a phrase', 'HTTP/1.1 100\r\n\r\n'],
    ])('ignores %s before an answer, in one piece and byte by byte', async (_what, interim) => {
      for (const pieces of [false, true]) {
        const backend = await rawBackend(() => interim + final(), { secure, pieces })
        const { url, requests } = await routerFor(backend.url)
        for (let i = 0; i < 3; i++) {
          const answer = await post(url, search)
          expect([answer.status, answer.body.toString()]).toEqual([200, GOOD_ANSWER])
        }
        await until(() => requests.length === 3, 'all are told')
        expect(requests.map(({ attempts }) => attempts.map(({ outcome }) => outcome.kind))).toEqual(
          Array(3).fill(['answered']),
        )
        // The connection is kept.
        expect([backend.requests, backend.connections]).toEqual([3, 1])
      }
    })

    it('ignores one that comes before the upload is complete', async () => {
      const backend = await rawBackend(() => final(), { secure, atOnce: CONTINUE })
      const { url } = await routerFor(backend.url)
      for (let i = 0; i < 2; i++)
        expect((await post(url, immichBody('indexing', imageBytes(2_000_000)))).status).toBe(200)
      expect([backend.requests, backend.connections]).toEqual([2, 1])
    })

    it('leaves the bytes of an answer alone', async () => {
      const body = JSON.stringify({ clip: `[0.5]${CONTINUE}HTTP/1.1 100 Continue` })
      const backend = await rawBackend(() => CONTINUE + final(body), { secure, pieces: true })
      const { url } = await routerFor(backend.url)
      for (let i = 0; i < 2; i++) expect((await post(url, search)).body.toString()).toBe(body)
      expect(backend.connections).toBe(1)
    })

    it('ignores one before the answer to a probe', async () => {
      const backend = await rawBackend(() => CONTINUE + final('pong'), { secure })
      const { router } = await routerFor(backend.url, { health: { interval: '1h' } })
      await until(() => router.status().backends[0]?.health.probe?.kind === 'up', 'it is up')
    })

    it.each([
      [
        'switches protocols unasked',
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      ],
      ['sends no end of interim responses', CONTINUE.repeat(4_000)],
      ['sends an interim response without an end', `HTTP/1.1 100 Continue\r\n${'x: 1\r\n'.repeat(20_000)}`],
    ])('tries another backend when one %s, and names the fault', async (_what, bytes) => {
      const backend = await rawBackend(() => bytes, { secure })
      const other = await stubMl()
      const { url, requests } = await serveRouter({
        backends: {
          gpu: { url: backend.url, ...(secure ? { tls: { ca: ours.cert } } : {}) },
          other: { url: other.url },
        },
        routes: [{ backends: ['gpu', 'other'], strategy: 'first' }],
        health: false,
        transport,
      })
      const answer = await post(url, search)
      expect([answer.status, answer.headers['x-immich-ml-backend']]).toEqual([200, 'other'])
      await until(() => requests.length === 1, 'it is told')
      expect(requests[0]?.attempts.map(({ outcome }) => outcome)).toMatchObject([
        { kind: 'failed', cause: 'protocol', error: { message: expect.stringMatching(/interim|upgrade/) } },
        { kind: 'answered' },
      ])
    })
  })
})
