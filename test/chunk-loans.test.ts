import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { createRouter, type RouterOptions } from '@immich-ml-router/core'
import { CONTENT_TYPE, GOOD_ANSWER, immichBody } from '@immich-ml-router/core/testing'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { authority, type KeyPair } from './support/certificates.ts'
import { ROOT } from './support/docs.ts'
import { listen } from './support/servers.ts'
import { sha256 } from './support/sha256.ts'

/*
 * Chunks are freed as soon as undici's socket has passed them on (packages/core/src/body/chunk-loans.ts). A chunk that is freed
 * too early reaches the backend without its bytes, or with those of another upload. These tests fail if undici or Node change
 * what that relies on.
 */

const UPLOADS = 30
const AT_ONCE = 10
const KIB = 1024
/** More than the buffers of the system hold between the router and a backend that does not read. */
const LARGE = 12_000 * KIB

let certificate: KeyPair
let ca: string

beforeAll(async () => {
  const made = await authority()
  ca = made.cert
  certificate = await made.certify(['127.0.0.1'])
})

function between(least: number, most: number): number {
  return least + Math.floor(Math.random() * (most - least))
}

/** What backends received: the hash of each complete body, by the upload's number. */
type Received = Map<string, string>

/** Waits until the connection of a request brings no more unless it is read. */
async function filled({ socket }: http.IncomingMessage): Promise<void> {
  let before = -1
  while (before !== socket.bytesRead) {
    before = socket.bytesRead
    for (let i = 0; i < 30; i++) await turn()
  }
}

/** A backend that reads some uploads slowly, and breaks the first few off in the middle. */
async function backend(secure: boolean, flaky: boolean, received: Received, broken: Set<string>) {
  const listener: http.RequestListener = async (req, res) => {
    const upload = String(req.headers['x-upload'])
    const isSlow = Math.random() < 0.5
    const breaksAt = flaky && broken.size < 5 ? between(1, 300 * KIB) : Number.POSITIVE_INFINITY
    const hash = createHash('sha256')
    let size = 0
    if (isSlow) await filled(req)
    try {
      for await (const chunk of req) {
        hash.update(chunk as Buffer)
        size += (chunk as Buffer).length
        if (size > breaksAt) {
          broken.add(upload)
          res.socket?.destroy()
          return
        }
        if (isSlow) for (let i = between(0, 12); i > 0; i--) await turn()
      }
      received.set(upload, hash.digest('hex'))
      res.end(GOOD_ANSWER)
    } catch {
      // The router broke off.
    }
  }
  if (!secure) return (await listen(listener)).url
  const { url } = await listen(https.createServer({ ...certificate }, listener))
  return url.replace('http:', 'https:')
}

/** Sends a body in chunks of random sizes. */
async function send(url: string, upload: number, body: Buffer): Promise<number | undefined> {
  const sized = Math.random() < 0.5 ? { 'content-length': body.length } : {}
  const req = http.request(`${url}/predict`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': CONTENT_TYPE, 'x-upload': String(upload), ...sized },
  })
  const answer = once(req, 'response')
  const most = [2 * KIB, 20 * KIB, 200 * KIB][upload % 3] ?? KIB
  for (let at = 0; at < body.length; ) {
    const size = Math.ceil(Math.random() * most)
    if (!req.write(body.subarray(at, at + size))) await once(req, 'drain')
    at += size
  }
  req.end()
  const [res] = (await answer) as [http.IncomingMessage]
  res.resume()
  return res.statusCode
}

/** Bodies that go to disk, or that are forwarded once and freed on their way. */
const KEPT: readonly [string, Partial<RouterOptions>][] = [
  ['kept on disk', { bodyMemory: '64kb' }],
  ['not kept', { bodySpool: false, bodyMemory: '64kb', totalBodyMemory: '128kb' }],
]

describe.each([
  ['plain', false],
  ['TLS', true],
] as const)('chunks that are freed early, with %s backends', (_, secure) => {
  it.each(KEPT)(
    'reach the backend unchanged from bodies that are %s',
    async (kept, options) => {
      const received: Received = new Map()
      const broken = new Set<string>()
      const tls = secure ? { tls: { ca } } : {}
      const router = createRouter({
        backends: {
          flaky: {
            url: await backend(secure, kept === 'kept on disk', received, broken),
            maxConcurrent: 'unlimited',
            ...tls,
          },
          steady: { url: await backend(secure, false, received, broken), maxConcurrent: 'unlimited', ...tls },
        },
        routes: [{ backends: ['flaky', 'steady'], strategy: 'round-robin' }],
        health: false,
        ...options,
      })
      onTestFinished(() => router.close())
      const { url } = await listen((req, res) => router.handle(req, res))
      const sent = new Map<string, string>()
      let next = 0
      const client = async () => {
        while (next < UPLOADS) {
          const upload = next++
          const body = immichBody(
            'indexing',
            randomBytes(upload % 3 === 0 ? LARGE : between(300 * KIB, 2_000 * KIB)),
          )
          sent.set(String(upload), sha256(body))
          expect(await send(url, upload, body)).toBe(200)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, client))
      expect(Object.fromEntries(received)).toEqual(Object.fromEntries(sent))
      if (kept === 'kept on disk') expect(broken.size).toBeGreaterThan(0)
    },
    120_000,
  )
})

it('undici is pinned to the version that these tests run with', async () => {
  const core = join(ROOT, 'packages', 'core', 'package.json')
  const { dependencies } = JSON.parse(await readFile(core, 'utf8')) as {
    dependencies: Record<string, string>
  }
  const { version } = createRequire(core)('undici/package.json') as { version: string }
  expect(dependencies['undici']).toBe(version)
})
