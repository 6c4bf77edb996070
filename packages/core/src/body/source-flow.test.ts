import { once } from 'node:events'
import type http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { buffer } from 'node:stream/consumers'
import tls from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { authority } from '../../../../test/support/certificates.ts'
import { listen } from '../../../../test/support/servers.ts'
import { discardUpload } from '../forward/response-writer.ts'
import { streamBody } from './body-source.ts'
import type { StreamedBody } from './streamed-body.ts'

const KIB = 1024
const SIZE = 300_000
const turn = () => new Promise((resolve) => setImmediate(resolve))
const HEAD = 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n'
const IN_BYTES = `${'1\r\nx\r\n'.repeat(SIZE)}0\r\n\r\n`

/** The body of a real request. Its client sends chunks of one byte as fast as it can. */
async function upload(scheme: 'http' | 'https') {
  const arrived = Promise.withResolvers<{
    req: http.IncomingMessage
    res: http.ServerResponse
    body: StreamedBody
  }>()
  let requests = 0
  const listener: http.RequestListener = (req, res) => {
    if (requests++ > 0) res.end('second')
    else arrived.resolve({ req, res, body: streamBody(req, { maxSize: 1e9 }) })
  }
  const secure = scheme === 'https' ? await (await authority()).certify(['127.0.0.1']) : undefined
  const { url } = await listen(secure === undefined ? listener : https.createServer({ ...secure }, listener))
  const port = Number(new URL(url).port)
  const client =
    secure === undefined
      ? net.connect(port, '127.0.0.1')
      : tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  onTestFinished(() => {
    client.destroy()
  })
  await once(client, secure === undefined ? 'connect' : 'secureConnect')
  client.write(HEAD + IN_BYTES)
  return { client, ...(await arrived.promise) }
}

/** Waits until the request stops reading its connection. */
async function paused(req: http.IncomingMessage): Promise<void> {
  while (!req.isPaused()) await turn()
  let before = -1
  while (before !== req.socket.bytesRead) {
    before = req.socket.bytesRead
    for (let i = 0; i < 20; i++) await turn()
  }
}

describe.each(['http', 'https'] as const)(
  'a request over %s that is paused in the middle of small chunks',
  (scheme) => {
    it('keeps none of them, and goes on where it was', async () => {
      const { req, res, body } = await upload(scheme)
      const reader = body.stream()
      reader.read(0)
      await paused(req)
      expect(req.readableLength).toBeLessThan(100)
      // What was read before the pause is in the body, where small chunks share blocks.
      expect(body.size).toBeGreaterThan(0)
      expect(body.size).toBeLessThan(128 * KIB)
      expect((await buffer(reader)).length).toBe(SIZE)
      res.end('done')
    })

    it('can be read and dropped once the body is not needed, so its connection serves the next request', async () => {
      const { client, req, res, body } = await upload(scheme)
      body.stream().read(0)
      await paused(req)
      body.destroy()
      discardUpload(req)
      res.end('first')
      client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
      const answers = await buffer(client)
      expect(String(answers)).toMatch(/first.*second/s)
    })

    it('can be started and stopped again and again', async () => {
      const { req, res, body } = await upload(scheme)
      let size = 0
      let most = 0
      const cursor = body.cursor(() => take())
      const take = () => {
        const taken = cursor.take()
        if (Buffer.isBuffer(taken)) size += taken.length
      }
      while (!body.complete || size < SIZE) {
        take()
        await turn()
        most = Math.max(most, req.readableLength)
      }
      expect(size).toBe(SIZE)
      expect(most).toBeLessThan(100)
      res.end('done')
    })

    it('is read for a part of each turn of the event loop', async () => {
      const { res, body } = await upload(scheme)
      let size = 0
      let most = 0
      const cursor = body.cursor(() => take())
      const take = () => {
        for (let taken = cursor.take(); Buffer.isBuffer(taken); taken = cursor.take()) size += taken.length
      }
      take()
      for (let before = 0; size < SIZE; before = body.size) {
        await turn()
        most = Math.max(most, body.size - before)
      }
      // One read of the socket has 64 KiB: 11,000 chunks. Node alone takes all of them in a turn.
      expect(most).toBeLessThan(25_000)
      res.end('done')
    })
  },
)
