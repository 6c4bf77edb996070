import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BodyFailedError, BodyTooLargeError } from '../errors.ts'
import { type BodyInput, declaredHeaders, openBody, toReplayBody } from './body-source.ts'
import { BodyStore } from './body-store.ts'
import { StreamedBody } from './streamed-body.ts'
import { WholeBody } from './whole-body.ts'

const unlimited = { maxSize: Number.POSITIVE_INFINITY }

const none = { contentType: undefined, contentEncoding: undefined, contentLength: undefined }
const headers = { 'content-type': 'text/plain', 'content-length': '3', 'content-encoding': 'gzip' }
const declared = { contentType: 'text/plain', contentEncoding: 'gzip', contentLength: 3 }

it.each<[string, BodyInput, object]>([
  ['a Node stream with headers', Object.assign(Readable.from([]), { headers }), declared],
  ['a web request', new Request('http://r', { method: 'POST', body: 'abc', headers }), declared],
  ['bytes', Buffer.from('abc'), none],
  ['a stream', Readable.from([]), none],
  [
    'a length that is not a number',
    Object.assign(Readable.from([]), { headers: { 'content-length': '-3' } }),
    none,
  ],
  ['a repeated header', Object.assign(Readable.from([]), { headers: { 'content-type': ['a', 'b'] } }), none],
])('reads the headers of %s', (_, input, expected) => {
  expect(declaredHeaders(input)).toEqual(expected)
})

it('takes bytes as they are, up to the limit', () => {
  const bytes = Buffer.from('abc')
  const body = toReplayBody(bytes, { maxSize: 3 })
  expect(body instanceof WholeBody && body.bytes().buffer).toBe(bytes.buffer)
  expect(() => toReplayBody(bytes, { maxSize: 2 })).toThrow(BodyTooLargeError)
})

/** Sends the parts of a raw request one by one, and returns what the server received. */
async function received(...parts: string[]) {
  const server = http.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay()
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  const send = async () => {
    for (const part of parts) {
      client.write(part)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const arrived = once(server, 'request')
  await send()
  const [req] = (await arrived) as [http.IncomingMessage]
  return { req, client }
}

const head = (length: number) => `POST / HTTP/1.1\r\nhost: r\r\ncontent-length: ${length}\r\n\r\n`

describe('the body of a request', () => {
  it.each([
    ['comes with its head', [`${head(5)}whole`]],
    ['comes after its head', [head(5), 'whole']],
  ])('is whole when it %s in one chunk, and the request ends', async (_, parts) => {
    const { req } = await received(...parts)
    const body = await openBody(req, unlimited)
    expect(body instanceof WholeBody && body.bytes().toString()).toBe('whole')
    if (!req.readableEnded) await once(req, 'end')
    expect([req.complete, req.listenerCount('data')]).toEqual([true, 0])
  })

  it('is streamed when a part of it is missing, and has every byte', async () => {
    const { req, client } = await received(`${head(9)}one`)
    const body = await openBody(req, unlimited)
    expect([body instanceof StreamedBody, body.size]).toEqual([true, 3])
    client.write(' two ')
    client.write('3')
    expect((await buffer(body.stream())).toString()).toBe('one two 3')
  })

  it('is streamed when the memory has no room for it', async () => {
    const { req } = await received(`${head(5)}whole`)
    const store = new BodyStore({ bodyMemory: 4, spareMemory: 0, totalBodyMemory: 1e9, directory: undefined })
    const body = await openBody(req, { ...unlimited, store })
    expect(body).toBeInstanceOf(StreamedBody)
    expect((await buffer(body.stream())).toString()).toBe('whole')
    body.destroy()
    expect(store.kept).toBe(0)
  })

  it.each([
    ['is large', head(20_000)],
    ['has no declared length', 'POST / HTTP/1.1\r\nhost: r\r\ntransfer-encoding: chunked\r\n\r\n'],
    ['is empty', head(0)],
  ])('is streamed at once when it %s', async (_, text) => {
    const { req } = await received(text)
    expect(await openBody(req, unlimited)).toBeInstanceOf(StreamedBody)
  })

  it('fails when the client leaves before its first byte, or has left', async () => {
    const { req, client } = await received(head(5))
    const opening = openBody(req, unlimited)
    client.destroy()
    const body = await opening
    await expect(buffer(body.stream())).rejects.toThrow(BodyFailedError)
    expect(req.destroyed).toBe(true)
    await expect(buffer((await openBody(req, unlimited)).stream())).rejects.toThrow(BodyFailedError)
  })
})
