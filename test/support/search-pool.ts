import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { RouterOptions } from '@immich-ml-router/core'
import { FakeClock, immichBody } from '@immich-ml-router/core/testing'
import { searchCache } from '@immich-ml-router/search-cache'
import type { Answer } from './client.ts'
import { post } from './client.ts'
import { serveRouter } from './router-server.ts'
import { listen } from './servers.ts'
import { temporaryDirectory } from './temporary-file.ts'

/** An ML server whose answers differ by how often it was asked. */
export async function countingMl() {
  const waiting: (() => void)[] = []
  const ml = {
    url: '',
    asked: 0,
    pings: 0,
    /** Closes every connection. */
    broken: false,
    /** Answers only after `release()`. */
    slow: false,
    release: () => {
      for (const answer of waiting.splice(0)) answer()
    },
    /** Numbers in an embedding. */
    values: 4,
    gzip: false,
    failure: undefined as readonly [status: number, body: string] | undefined,
  }
  const { url } = await listen((req, res) => {
    if (ml.broken) return req.socket.destroy()
    if (req.url === '/ping') {
      ml.pings++
      return res.end('pong')
    }
    return req.resume().on('end', () => {
      ml.asked++
      const embedding = JSON.stringify(Array.from({ length: ml.values }, (_, i) => i + ml.asked / 1e6))
      const good = JSON.stringify({ clip: embedding, 'facial-recognition': [], ocr: { text: [] } })
      const [status, body] = ml.failure ?? [200, good]
      const coding = ml.gzip ? { 'content-encoding': 'gzip' } : {}
      const answer = () =>
        res
          .writeHead(status, { 'content-type': 'application/json', ...coding })
          .end(ml.gzip ? gzipSync(body) : body)
      if (ml.slow) waiting.push(answer)
      else answer()
    })
  })
  return Object.assign(ml, { url })
}

/** A text search for a word, by a model. */
export function searchFor(text: string, modelName = 'ViT-B-32__openai', language = 'en'): Buffer {
  return immichBody({ clip: { textual: { modelName, options: { language } } } }, text)
}

export interface SearchPoolOptions extends Partial<RouterOptions> {
  readonly cache?: { readonly maxEntries?: number; readonly maxAge?: string }
}

/** A router with a search cache in front of one ML server. */
export async function searchPool({ cache = {}, ...options }: SearchPoolOptions = {}) {
  const ml = await countingMl()
  const path = join(await temporaryDirectory(), 'searches.db')
  const clock = new FakeClock()
  const time = { now: Date.UTC(2026, 0, 1) }
  const given: RouterOptions = {
    backends: { gpu: { url: ml.url, health: false } },
    routes: [{ backends: ['gpu'], searchCache: { path, ...cache } }],
    heartbeat: false,
    clock,
    ...options,
  }
  const served = await serveRouter(given)
  const { router, url } = served
  searchCache(router, { now: () => time.now })
  const { clock: _clock, ...config } = given
  return {
    ...served,
    ml,
    path,
    time,
    clock,
    options: config,
    /** Searches, and says how it was answered: `fresh`, `stale`, by a `backend`, or the status of a failure. */
    search: async (body: Buffer | string): Promise<string | number> =>
      kindOf(await post(url, typeof body === 'string' ? searchFor(body) : body)),
    get: (body: Buffer | string) => post(url, typeof body === 'string' ? searchFor(body) : body),
  }
}

function kindOf({ status, headers }: Answer): string | number {
  if (status !== 200) return status
  return String(headers['x-immich-ml-cache'] ?? 'backend')
}
