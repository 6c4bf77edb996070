import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { offer } from '../lib/offer.ts'
import { now } from '../lib/stats.ts'
import { DONE_HEADER, WORK_HEADER } from './jobs.ts'
import type { ServerSpec } from './pools.ts'
import { Workers } from './workers.ts'

/** A time for which the server is slower. */
export interface Slowness {
  readonly from: number
  readonly to: number
  readonly factor: number
}

const clock = {
  now,
  after(milliseconds: number, callback: () => void) {
    const timer = setTimeout(callback, milliseconds)
    return () => clearTimeout(timer)
  },
}

let slowness: Slowness | undefined
let workers: Workers
let fresh: () => Workers

// The ML server closes idle connections after 2 s.
const server = http.createServer({ keepAliveTimeout: 2_000 }, (req, res) => {
  handle(req, res).catch(() => res.destroy())
})

/** A stand-in ML server, as a process of its own. */
const functions = {
  async start(spec: ServerSpec): Promise<string> {
    fresh = () => new Workers(spec.workers, (at) => spec.time * factorAt(at), clock)
    workers = fresh()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  },
  /** Becomes slower for a while, on the machine's clock. */
  slowDown(given: Slowness): void {
    slowness = given
  },
  /** Drops what runs and waits, and all connections. */
  reset(): void {
    slowness = undefined
    workers.clear()
    workers = fresh()
    server.closeAllConnections()
  },
}

export type StandIn = typeof functions

offer(functions)

function factorAt(at: number): number {
  return slowness !== undefined && at >= slowness.from && at < slowness.to ? slowness.factor : 1
}

async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.url === '/ping') return answer(res, 200, 'text/plain', 'pong')
  const body = await readBody(req)
  const work = Number(req.headers[WORK_HEADER])
  const task = taskOf(body)
  const whole = body.subarray(-4).equals(CLOSING)
  if (req.url !== '/predict' || !(work > 0) || task === undefined || !whole)
    return answer(res, 422, 'application/json', '{"detail":"Invalid request format."}')
  const { start, end } = await workers.run(work)
  res.setHeader(DONE_HEADER, `${start} ${end}`)
  return answer(res, 200, 'application/json', ANSWERS[task] ?? '{}')
}

/** The end of a form that has arrived whole. */
const CLOSING = Buffer.from('--\r\n')

async function readBody(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The task that stands in the entries, which come first. */
function taskOf(body: Buffer): string | undefined {
  return /name="entries"\r\n\r\n\{"([a-z-]+)"/.exec(body.toString('latin1', 0, 300))?.[1]
}

function answer(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

const EMBEDDING = `[${Array.from({ length: 512 }, (_, i) => (i / 5120).toFixed(8)).join(',')}]`

const ANSWERS: Readonly<Record<string, string>> = {
  clip: JSON.stringify({ clip: EMBEDDING, imageHeight: 1440, imageWidth: 1080 }),
  'facial-recognition': JSON.stringify({
    'facial-recognition': [
      { boundingBox: { x1: 10, y1: 20, x2: 110, y2: 140 }, embedding: EMBEDDING, score: 0.98 },
    ],
    imageHeight: 1440,
    imageWidth: 1080,
  }),
  ocr: JSON.stringify({
    ocr: { text: ['hello'], box: [0, 0, 1, 0, 1, 1, 0, 1], boxScore: [0.9], textScore: [0.95] },
    imageHeight: 1440,
    imageWidth: 1080,
  }),
}
