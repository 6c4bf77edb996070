import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { createRouter } from '@immich-ml-router/core'
import { CONTENT_TYPE, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it } from 'vitest'
import { listen, until } from './support/servers.ts'

const MB = 1024 * 1024
const head = immichBody('indexing', imageBytes(0)).subarray(0, -40)

/** By its beginning, the answer to a search; the rest of it is not judged. */
const BEGINNING = '{"clip":['

const TRANSPORTS = ['http-proxy-3', 'direct'] as const

async function gateway(transport: (typeof TRANSPORTS)[number], backend: http.RequestListener) {
  const { url: backendUrl } = await listen(backend)
  const router = createRouter({
    backends: { only: { url: backendUrl } },
    transport,
    maxBodySize: 'unlimited',
    health: false,
  })
  return { ...(await listen((req, res) => router.handle(req, res))), router }
}

describe.each(TRANSPORTS)('300 MB, %s', (transport) => {
  it('up: the backend has the first bytes while the client still sends, and memory stays flat', async () => {
    let arrived = 0
    const hash = createHash('sha256')
    const { url } = await gateway(transport, (req, res) => {
      req.on('data', (chunk: Buffer) => {
        arrived += chunk.length
        hash.update(chunk)
      })
      req.on('end', () => res.end(GOOD_ANSWER))
    })
    const req = http.request(`${url}/predict`, { method: 'POST', headers: { 'content-type': CONTENT_TYPE } })
    const sent = createHash('sha256').update(head)
    req.write(head)
    const response = once(req, 'response')
    const chunk = imageBytes(MB)
    const before = process.memoryUsage().arrayBuffers
    let peak = 0
    for (let i = 0; i < 300; i++) {
      sent.update(chunk)
      if (!req.write(chunk)) await once(req, 'drain')
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)
      if (i === 3) await until(() => arrived > 0, 'the first bytes are at the backend')
    }
    req.end()
    const [answer] = (await response) as [http.IncomingMessage]
    expect(answer.statusCode).toBe(200)
    expect(arrived).toBe(head.length + 300 * MB)
    expect(hash.digest('hex')).toBe(sent.digest('hex'))
    // Chunks that wait for the garbage collector count as well; the body alone would be 300 MB.
    expect(peak).toBeLessThan(150 * MB)
  })

  it('down: an answer that is too large to keep is passed on as it comes', async () => {
    const chunk = Buffer.alloc(MB, '0.123456789,')
    const expected = createHash('sha256').update(BEGINNING)
    for (let i = 0; i < 300; i++) expected.update(chunk)
    const { url } = await gateway(transport, async (req, res) => {
      req.resume()
      await once(req, 'end')
      res.write(BEGINNING)
      for (let i = 0; i < 300; i++) if (!res.write(chunk)) await once(res, 'drain')
      res.end()
    })
    const hash = createHash('sha256')
    const before = process.memoryUsage().arrayBuffers
    let peak = 0
    const answer = await fetch(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': CONTENT_TYPE },
      body: new Uint8Array(immichBody('textSearch', 'x')),
    })
    for await (const piece of answer.body ?? []) {
      hash.update(piece)
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)
    }
    expect(hash.digest('hex')).toBe(expected.digest('hex'))
    expect(peak).toBeLessThan(150 * MB)
  })
})

describe.each(TRANSPORTS)('back-pressure, %s', (transport) => {
  it('a backend that does not read stops the client', async () => {
    let backendRequest: http.IncomingMessage | undefined
    const { url } = await gateway(transport, (req, res) => {
      backendRequest = req
      req.on('end', () => res.end(GOOD_ANSWER))
    })
    const req = http.request(`${url}/predict`, { method: 'POST', headers: { 'content-type': CONTENT_TYPE } })
    const response = once(req, 'response')
    req.write(head)
    const chunk = Buffer.alloc(MB)
    let sent = 0
    // Socket buffers take some megabytes; then a write must stop draining.
    let stopped = false
    while (!stopped && sent < 200) {
      sent++
      stopped = !req.write(chunk) && (await stalls(req))
    }
    expect(stopped).toBe(true)
    expect(sent).toBeLessThan(100)
    backendRequest?.resume()
    req.end()
    const [answer] = (await response) as [http.IncomingMessage]
    expect(answer.statusCode).toBe(200)
    answer.resume()
  })

  it('a client that does not read stops the backend', async () => {
    const chunk = Buffer.alloc(MB, ' ')
    let sent = 0
    const { promise: stalled, resolve } = Promise.withResolvers<void>()
    const { url } = await gateway(transport, async (req, res) => {
      req.resume()
      await once(req, 'end')
      res.write(BEGINNING)
      while (sent < 200) {
        sent++
        if (!res.write(chunk) && (await stalls(res))) break
      }
      resolve()
      res.end()
    })
    const req = http.request(`${url}/predict`, { method: 'POST', headers: { 'content-type': CONTENT_TYPE } })
    req.end(immichBody('textSearch', 'x'))
    const [answer] = (await once(req, 'response')) as [http.IncomingMessage]
    await stalled
    expect(sent).toBeLessThan(100)
    let received = 0
    for await (const piece of answer) received += piece.length
    expect(received).toBe(BEGINNING.length + sent * MB)
  })
})

/** Whether a stream that is full stays full while the event loop turns many times over. */
async function stalls(stream: http.ClientRequest | http.ServerResponse): Promise<boolean> {
  for (let turn = 0; turn < 300; turn++) {
    if (!stream.writableNeedDrain) return false
    await new Promise((resolve) => setImmediate(resolve))
  }
  return true
}
