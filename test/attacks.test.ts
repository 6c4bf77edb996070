import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { CONTENT_TYPE, GOOD_ANSWER, immichBody, multipart } from '@immich-ml-router/core/testing'
import { describe, expect } from 'vitest'
import { pingWhile } from './attacks/pings.ts'
import { post } from './support/client.ts'
import { startProcess } from './support/gateway-process.ts'
import { listen } from './support/servers.ts'
import { itNeeds } from './support/tools.ts'

/** What a person notices. */
const LONGEST_PING = 250
const MOST_GROWTH = 50
/** A busy machine may delay a ping by itself; an attack that blocks the gateway does so every time. */
const TRIES = 3

const image = { header: 'Content-Disposition: form-data; name="image"; filename="blob"', content: 'pixels' }
const withEntries = (json: string) => multipart([{ header: 'entries', content: json }, image])
const list = (count: number, make: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => make(i)).join(',')

/** A request, and how often it is sent at once. */
interface Attack {
  readonly bytes: Buffer
  readonly times: number
  /** Of the content type. */
  readonly contentType?: string
  /** How it is sent, instead of by a client of its own: in chunks of one byte, or as it is, on one connection. */
  readonly raw?: 'tiny' | 'as-is'
}

const ATTACKS: Readonly<Record<string, () => Attack>> = {
  'a task name of 8,000 characters with 30,000 types': () => ({
    bytes: withEntries(`{"${'t'.repeat(8_000)}":{${list(30_000, (i) => `"${i}":{"modelName":"m"}`)}}}`),
    times: 10,
  }),
  '36,000 tasks': () => ({
    bytes: withEntries(`{${list(36_000, (i) => `"${i}":{"a":{"modelName":"m"}}`)}}`),
    times: 8,
  }),
  '1 MB of deep JSON': () => ({ bytes: withEntries('['.repeat(1_000_000)), times: 8 }),
  '60 part headers with 15,000 spaces': () => ({
    bytes: multipart(
      Array.from({ length: 60 }, () => ({
        header: `Content-Disposition: form-data; x=y${' '.repeat(15_000)}z`,
        content: '',
      })),
    ),
    times: 8,
  }),
  'a content type with 15,000 spaces': () => ({
    bytes: withEntries('{}'),
    times: 50,
    contentType: `multipart/form-data; x=y${' '.repeat(15_000)}z; boundary=b`,
  }),
  '260 model names of 1 MB': () => ({
    bytes: withEntries(`{"clip":{"visual":{"modelName":"${'m'.repeat(1_000_000)}"}}}`),
    times: 260,
  }),
  '700,000 chunks of one byte': () => ({
    bytes: immichBody('indexing', Buffer.alloc(700_000, 'x')),
    times: 1,
    raw: 'tiny',
  }),
  '1,260 pipelined predict requests': () => ({
    bytes: Buffer.from('POST /predict HTTP/1.1\r\nHost:a\r\nContent-Length:0\r\n\r\n'.repeat(1_260)),
    times: 1,
    raw: 'as-is',
  }),
  '1,985 pipelined requests for metrics': () => ({
    bytes: Buffer.from('GET /metrics HTTP/1.1\r\nHost:a\r\n\r\n'.repeat(1_985)),
    times: 1,
    raw: 'as-is',
  }),
  '200 requests at the limits': () => ({
    bytes: withEntries(
      `{"clip":{${list(64, (i) => `"${String(i).padEnd(256, 't')}":{"modelName":"${String(i).padEnd(256, 'm')}","options":[${list(12, () => '{}')}]}`)}}}`,
    ),
    times: 200,
  }),
}

describe.each(Object.entries(ATTACKS))('%s', (_, makeAttack) => {
  itNeeds('proc')(
    'delays no other client by 250 ms, and takes no 50 MB',
    async () => {
      const ml = await goodBackend()
      const { url, child } = await startProcess('express', {
        ML_DEFAULT_URL: ml,
        ML_TEXT_URL: ml,
        ML_IMAGE_URL: ml,
      })
      const attack = makeAttack()
      // What good requests of the same size take does not count.
      await send(url, { bytes: immichBody('indexing', Buffer.alloc(attack.bytes.length)), times: 100 })
      const before = peakMegabytes(child.pid)
      const slowest: number[] = []
      for (let i = 0; i < TRIES && !slowest.some((time) => time < LONGEST_PING); i++) {
        const pings = await pingWhile(url, () => send(url, attack))
        expect(pings.count).toBeGreaterThan(0)
        slowest.push(pings.slowest)
      }
      expect(Math.min(...slowest)).toBeLessThan(LONGEST_PING)
      expect(peakMegabytes(child.pid) - before).toBeLessThan(MOST_GROWTH)
    },
    120_000,
  )
})

/** An ML server that takes every job. */
async function goodBackend(): Promise<string> {
  const { url } = await listen((req, res) => {
    req.resume().on('end', () => {
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(req.url === '/ping' ? 'pong' : GOOD_ANSWER)
    })
  })
  return url
}

/** Sends an attack, so many at once, and waits for the answers. */
async function send(url: string, { bytes, times, contentType = CONTENT_TYPE, raw }: Attack): Promise<void> {
  const one = () => {
    if (raw === 'tiny') return sendRaw(url, inTinyChunks(bytes))
    if (raw === 'as-is') return sendRaw(url, bytes)
    return post(url, bytes, { headers: { 'content-type': contentType } }).then(() => {})
  }
  for (let sent = 0; sent < times; sent += 10)
    await Promise.all(Array.from({ length: Math.min(10, times - sent) }, one))
}

/** A request with a body in chunks of one byte, many of which fit into a packet. */
function inTinyChunks(bytes: Buffer): Buffer {
  const chunks = Buffer.alloc(6 * bytes.length)
  for (const [i, byte] of bytes.entries()) {
    chunks.write('1\r\n.\r\n', 6 * i, 'latin1')
    chunks[6 * i + 3] = byte
  }
  const head = `POST /predict HTTP/1.1\r\nHost: r\r\nContent-Type: ${CONTENT_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n`
  return Buffer.concat([Buffer.from(head), chunks, Buffer.from('0\r\n\r\n')])
}

/** Writes to a connection of its own, and waits until the gateway has answered everything. */
async function sendRaw(url: string, bytes: Buffer): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  socket.end(bytes)
  socket.resume()
  await once(socket, 'close')
}

/** The most memory that a process has ever had. */
function peakMegabytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}
