import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { CONTENT_TYPE, GOOD_ANSWER, imageBytes, immichBody } from '@immich-ml-router/core/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen, stubMl, until } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'
import { temporaryDirectory } from './support/temporary-file.ts'

const body = immichBody('indexing', imageBytes(200_000))
const HEAD = `POST /predict HTTP/1.1\r\nhost: r\r\ncontent-type: ${CONTENT_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n`

/** A body with every byte in a chunk of its own. */
function inBytes(bytes: Buffer, extension = ''): Buffer {
  const parts: Buffer[] = []
  for (const byte of bytes)
    parts.push(Buffer.from(`1${extension}\r\n${String.fromCharCode(byte)}\r\n`, 'latin1'))
  return Buffer.concat(parts)
}

const LAST = Buffer.from('0\r\n\r\n')

/** A backend that counts the chunks that it gets; one that waits does not read before it may. */
async function countingBackend({ waits = false } = {}) {
  const requests: http.IncomingMessage[] = []
  const got = { sha256: '', chunks: 0 }
  const { promise: mayRead, resolve: read } = Promise.withResolvers<void>()
  if (!waits) read()
  const { url } = await listen(async (req, res) => {
    requests.push(req)
    const hash = createHash('sha256')
    await mayRead
    for await (const chunk of req) {
      got.chunks++
      hash.update(chunk as Buffer)
    }
    got.sha256 = hash.digest('hex')
    res.end(GOOD_ANSWER)
  })
  return { url, got, read, arrived: () => requests.length }
}

/** A router on a port, and the requests that it got. */
async function serve(url: string, options: Partial<RouterOptions> = {}) {
  const router = createRouter({ backends: { only: { url } }, health: false, ...options })
  onTestFinished(() => router.close())
  const requests: http.IncomingMessage[] = []
  const served = await listen((req, res) => {
    requests.push(req)
    router.handle(req, res)
  })
  const port = Number(new URL(served.url).port)
  return { router, port, requests }
}

/** Opens a connection that sends the head of a request. */
async function connect(port: number) {
  const socket = net.connect(port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(HEAD)
  const status = once(socket, 'data').then(([answer]) => String(answer).split(' ')[1])
  return { socket, status }
}

describe('an upload in chunks of one byte', () => {
  it('reaches the backend whole, in few chunks', async () => {
    const backend = await countingBackend()
    const { port } = await serve(backend.url)
    const { socket, status } = await connect(port)
    socket.write(inBytes(body))
    socket.write(LAST)
    expect(await status).toBe('200')
    expect(backend.got.sha256).toBe(sha256(body))
    expect(backend.got.chunks).toBeLessThan(body.length / 100)
  })

  it('with chunk extensions is the same', async () => {
    const small = immichBody('textSearch', 'cat')
    const backend = await countingBackend()
    const { port } = await serve(backend.url)
    const { socket, status } = await connect(port)
    socket.write(inBytes(small, `;${'x'.repeat(10_000)}`))
    socket.write(LAST)
    expect(await status).toBe('200')
    expect(backend.got.sha256).toBe(sha256(small))
  })

  it('that waits for a slow backend does not stay in the request byte by byte', async () => {
    const backend = await countingBackend({ waits: true })
    const { port, requests } = await serve(backend.url)
    const { socket, status } = await connect(port)
    const large = Buffer.concat([body, Buffer.alloc(10_000_000, 'x')])
    const wire = inBytes(large.subarray(0, body.length))
    socket.write(wire)
    // In large chunks, until the sockets between here and the backend are full; from there on in small ones.
    const piece = Buffer.alloc(1_000_000, 'x')
    for (let i = 0; i < 10; i++) {
      socket.write(`${piece.length.toString(16)}\r\n`)
      socket.write(piece)
      socket.write('\r\n')
    }
    const tail = Buffer.alloc(300_000, 'y')
    socket.write(inBytes(tail))
    socket.write(LAST)
    await until(() => backend.arrived() === 1 && requests[0]?.isPaused() === true, 'the upload is paused')
    expect(requests[0]?.readableLength).toBeLessThan(100)
    backend.read()
    expect(await status).toBe('200')
    expect(backend.got.sha256).toBe(sha256(Buffer.concat([large, tail])))
  })

  it.each(['memory', 'disk'] as const)('that is held in %s is counted, and served whole', async (where) => {
    const stub = await stubMl({ fault: 'refuse' })
    const bodySpool = await temporaryDirectory()
    const { router, port } = await serve(stub.url, {
      bodySpool: where === 'disk' && bodySpool,
      health: { interval: '50ms' },
      routes: [{ backends: ['only'], hold: '1h', heartbeat: false }],
    })
    const { socket, status } = await connect(port)
    socket.write(inBytes(body))
    socket.write(LAST)
    await until(() => router.status().bodies[where] === body.length, 'it is all held')
    await stub.setFault(undefined)
    expect(await status).toBe('200')
    // On a busy machine, a probe may fail during the first attempt: a canary is sent, and the attempt is made again.
    const whole = stub.received.filter(({ complete, size }) => complete && size === body.length)
    expect(whole.map((it) => it.sha256)).toEqual([sha256(body)])
    await until(() => router.status().bodies.memory === 0, 'the memory is free')
  })
})
