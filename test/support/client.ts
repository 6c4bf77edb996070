import http from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CONTENT_TYPE } from '@immich-ml-router/core/testing'

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly trailers: NodeJS.Dict<string>
}

/** How the client sends a body. */
export interface Sending {
  readonly framing: 'content-length' | 'chunked'
  /** `bytes` writes the first and the last 1,024 bytes one by one, and the rest in pieces of 64 KiB. */
  readonly pieces: 'whole' | 'bytes'
}

export interface PostOptions extends Partial<Sending> {
  readonly path?: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly signal?: AbortSignal
  readonly agent?: http.Agent
  /** Called when the operating system has the last byte. */
  readonly onSent?: () => void
}

/** Sends a predict request with exactly these bytes and reads the whole answer. */
export async function post(url: string, body: Buffer, options: PostOptions = {}): Promise<Answer> {
  const { path = '/predict', framing = 'content-length', pieces = 'whole' } = options
  const req = http.request(new URL(path, url), {
    method: 'POST',
    agent: options.agent ?? false,
    headers: {
      'content-type': CONTENT_TYPE,
      ...(framing === 'content-length' ? { 'content-length': body.length } : {}),
      ...options.headers,
    },
    ...(options.signal ? { signal: options.signal } : {}),
  })
  req.setNoDelay(true)
  const answer = readAnswer(req)
  // The answer can fail during the writes below. This handler prevents an unhandled rejection.
  answer.catch(() => {})
  for (const piece of cut(body, pieces)) {
    if (req.destroyed || req.writableEnded) break
    req.write(piece)
    if (pieces === 'bytes') await nextTurn()
  }
  req.end(options.onSent)
  return answer
}

function readAnswer(req: http.ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    req.on('error', reject)
    req.on('response', (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          body: Buffer.concat(chunks),
          trailers: res.trailers,
        }),
      )
    })
  })
}

function* cut(body: Buffer, pieces: Sending['pieces']): Generator<Buffer> {
  const edge = pieces === 'whole' ? 0 : 1024
  const middle = pieces === 'whole' ? body.length : 65_536
  for (let at = 0; at < body.length; ) {
    const step =
      at < edge || at >= body.length - edge ? 1 : Math.min(middle, Math.max(1, body.length - edge - at))
    yield body.subarray(at, at + step)
    at += step
  }
}
