import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { systemClock } from '@immich-ml-router/core/parts'
import { listen } from '../lib/listen.ts'
import { offer } from '../lib/offer.ts'
import { now } from '../lib/stats.ts'
import { DONE_HEADER, WORK_HEADER } from './jobs.ts'
import type { ServerSpec } from './pools.ts'
import { Workers } from './workers.ts'

/** A time for which the server is slower. */
interface Slowness {
  readonly from: number
  readonly to: number
  readonly factor: number
}

const clock = { ...systemClock, now }

let slowness: Slowness = { from: 0, to: 0, factor: 1 }
let workers: Workers
let fresh: () => Workers
let server: Server

/** A stand-in ML server, as a process of its own. */
const functions = {
  async start(spec: ServerSpec): Promise<string> {
    const factorAt = (at: number) => (at >= slowness.from && at < slowness.to ? slowness.factor : 1)
    fresh = () => new Workers(spec.workers, (at) => spec.time * factorAt(at), clock)
    workers = fresh()
    // Immich's ML server closes idle connections after 2 s, too.
    const keepAlive = { keepAliveTimeout: 2_000 }
    const listening = await listen((req, res) => void handle(req, res).catch(() => res.destroy()), keepAlive)
    server = listening.server
    return listening.url
  },
  /** Becomes slower for a while, on the machine's clock. */
  slowDown(given: Slowness): void {
    slowness = given
  },
  /** Drops what runs and waits, and all connections. */
  reset(): void {
    slowness = { from: 0, to: 0, factor: 1 }
    workers.clear()
    workers = fresh()
    server.closeAllConnections()
  },
}

export type StandIn = typeof functions

offer(functions)

/** The end of a form that has arrived whole. */
const CLOSING = Buffer.from('--\r\n')
const EMBEDDING = `[${Array.from({ length: 512 }, (_, i) => (i / 5120).toFixed(8)).join(',')}]`
/** Good for every job. */
const ANSWER = JSON.stringify({ clip: EMBEDDING, 'facial-recognition': [], ocr: { text: [] } })

async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.url === '/ping') return void res.end('pong')
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  const work = Number(req.headers[WORK_HEADER])
  if (!(work > 0) || chunks.at(-1)?.subarray(-4).equals(CLOSING) !== true)
    return void res.writeHead(422).end('{}')
  const { start, end } = await workers.run(work)
  const length = Buffer.byteLength(ANSWER)
  const headers = {
    'content-type': 'application/json',
    'content-length': length,
    [DONE_HEADER]: `${start} ${end}`,
  }
  res.writeHead(200, headers).end(ANSWER)
}
