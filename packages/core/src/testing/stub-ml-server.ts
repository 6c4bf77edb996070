import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Answer,
  answerEverywhere,
  answerOf,
  type Fault,
  INTERNAL_SERVER_ERROR,
  jsonText,
  LOGIN_PAGE,
  LOGIN_PATH,
  plainText,
} from './faults.ts'
import { Listener } from './listener.ts'
import { type KnownJobs, type Prediction, predict, type RequestedJob } from './predict.ts'

/** Options of a stub ML server. */
export interface StubMlServerOptions extends KnownJobs {
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string
  /** Port to listen on. Default: a free port. */
  readonly port?: number
  /** Number of requests that are computed at once. Others are queued, first in, first out. Default: 4. */
  readonly threads?: number
  /** Time to compute a request, in milliseconds, for every task or by task. Default: 0. */
  readonly serviceTime?: number | Readonly<Record<string, number>>
  /** Time to load a model on its first use, in milliseconds. Default: 0. */
  readonly coldStart?: number
  /** Default: none. */
  readonly fault?: Fault
}

/** A timer delay beyond this, in milliseconds, is not compensated. */
const LATENESS = 5

/** A predict request as it arrived. */
export interface ReceivedRequest {
  /** The path and the query. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  /** Number of bytes of the body that have arrived. */
  readonly size: number
  /** SHA-256 of these bytes, in hexadecimal. */
  readonly sha256: string
  /** Whether the whole body has arrived. */
  readonly complete: boolean
  /** The jobs that it asks for; empty if the server refuses it. */
  readonly jobs: readonly RequestedJob[]
}

/**
 * A stub of the Immich ML server on a real socket. It answers `/`, `/ping` and `/predict` like immich-machine-learning,
 * refusals and connection handling included. Its results are constants, unless `result` computes them.
 *
 * - A 500 is plain text, and its connection closes 0.2 to 0.5 s later without notice.
 * - Idle connections close after 2 s. No header announces it.
 * - An image that contains the text {@link UNDECODABLE} gets 500.
 *
 * @example
 * ```ts
 * import { immichForm, StubMlServer } from '@immich-ml-router/core/testing'
 *
 * const gpu = await StubMlServer.start({ serviceTime: { clip: 10, ocr: 120 } })
 * const send = () => fetch(`${gpu.url}/predict`, { method: 'POST', body: immichForm('ocr') })
 * console.log((await send()).status) // 200
 * await gpu.setFault({ kind: 'status', status: 502 })
 * console.log((await send()).status, gpu.received.length) // 502 2
 * await gpu.close()
 * ```
 */
export class StubMlServer {
  /** The requests so far, oldest first. */
  readonly received: ReceivedRequest[] = []
  readonly #listener: Listener
  readonly #options: Required<Pick<StubMlServerOptions, 'threads' | 'serviceTime' | 'coldStart'>>
  readonly #known: KnownJobs
  readonly #loaded = new Map<string, Promise<void>>()
  readonly #waiting: ((due: number) => void)[] = []
  readonly #stop = new AbortController()
  #running = 0
  #started = 0
  #fault: Fault | undefined

  private constructor(options: StubMlServerOptions) {
    this.#options = {
      threads: options.threads ?? 4,
      serviceTime: options.serviceTime ?? 0,
      coldStart: options.coldStart ?? 0,
    }
    this.#known = options
    this.#listener = new Listener({
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 0,
      handle: (req, res) => this.#handle(req, res),
    })
  }

  /**
   * Starts a server and waits until it accepts connections.
   *
   * @throws {Error} with the code `EADDRINUSE` if another program listens on `port`.
   */
  static async start(options: StubMlServerOptions = {}): Promise<StubMlServer> {
    const stub = new StubMlServer(options)
    await stub.#listener.open()
    await stub.setFault(options.fault)
    return stub
  }

  /** The port on which it listens; the same after a fault. */
  get port(): number {
    return this.#listener.port
  }

  /** The URL for `backends`, such as `http://127.0.0.1:40123`. */
  get url(): string {
    return this.#listener.url
  }

  /** Number of predict requests that have begun to arrive. */
  get started(): number {
    return this.#started
  }

  /** Number of open connections. */
  connections(): Promise<number> {
    return this.#listener.connections()
  }

  /** Sets, changes or ends a fault while the server runs. It also affects the answers to requests in flight. */
  async setFault(fault: Fault | undefined): Promise<void> {
    this.#fault = fault
    if (fault === 'refuse') await this.#listener.refuse()
    else await this.#listener.open()
  }

  /** Stops listening and closes every connection, requests in flight included. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#listener.close()
  }

  /** Closes the server at the end of the block of `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (this.#fault === 'freeze') return
    const path = req.url?.split('?', 1)[0]
    if (path === '/predict' && req.method === 'POST') return this.#predict(req, res)
    const fault = this.#fault
    if (typeof fault === 'object') {
      if (fault.kind === 'redirect' && path === LOGIN_PATH) return write(res, LOGIN_PAGE)
      const answer = answerEverywhere(fault, this.url)
      if (answer !== undefined) return write(res, answer)
    }
    if (path === '/ping' && req.method === 'GET') return write(res, plainText('pong'))
    if (path === '/' && req.method === 'GET') return write(res, jsonText(200, { message: 'Immich ML' }))
    const known = path === '/predict' || path === '/ping' || path === '/'
    write(
      res,
      known ? jsonText(405, { detail: 'Method Not Allowed' }) : jsonText(404, { detail: 'Not Found' }),
    )
  }

  async #predict(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.#started++
    if (this.#fault === 'reset') {
      req.socket.resetAndDestroy()
      return
    }
    const { body, complete } = await readBody(req)
    const prediction = predict(req.headers['content-type'], body, this.#known)
    this.received.push({
      url: req.url ?? '',
      headers: req.headers,
      rawHeaders: req.rawHeaders,
      size: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
      complete,
      jobs: prediction.jobs,
    })
    if (!complete || this.#fault === 'hang') return
    if (this.#fault === 'error') return write(res, INTERNAL_SERVER_ERROR)
    const answer =
      typeof this.#fault === 'object' ? answerOf(this.#fault, this.url, prediction.jobs) : undefined
    if (answer !== undefined) return write(res, answer)
    if (this.#isOutOfMemory) return write(res, INTERNAL_SERVER_ERROR)
    await this.#compute(prediction)
    await this.#respond(res, prediction.answer)
  }

  get #isOutOfMemory(): boolean {
    const fault = this.#fault
    return typeof fault === 'object' && fault.kind === 'memory' && this.#running >= fault.requests
  }

  /** A busy thread starts the next job at the time the last one was due, so that late timers cost no throughput. */
  async #compute({ jobs }: Prediction): Promise<void> {
    let due = performance.now()
    if (this.#running >= this.#options.threads)
      due = await new Promise<number>((resolve) => this.#waiting.push(resolve))
    this.#running++
    try {
      for (const { model } of jobs) await this.#load(model)
      const { serviceTime } = this.#options
      const time = (task: string) =>
        typeof serviceTime === 'number' ? serviceTime : (serviceTime[task] ?? 0)
      due = Math.max(due, performance.now() - LATENESS) + Math.max(0, ...jobs.map(({ task }) => time(task)))
      await this.#sleep(due - performance.now())
    } finally {
      this.#running--
      this.#waiting.shift()?.(due)
    }
  }

  #load(model: string): Promise<void> {
    const loading = this.#loaded.get(model) ?? this.#sleep(this.#options.coldStart)
    this.#loaded.set(model, loading)
    return loading
  }

  async #respond(res: ServerResponse, answer: Answer): Promise<void> {
    if (this.#fault === 'freeze') return
    if (this.#fault !== 'slow-body' && this.#fault !== 'half-response') return write(res, answer)
    const bytes = Buffer.from(answer.body)
    writeHead(res, answer)
    if (this.#fault === 'half-response') {
      res.write(bytes.subarray(0, bytes.length / 2), () => res.socket?.resetAndDestroy())
      return
    }
    const piece = Math.ceil(bytes.length / 10)
    for (let at = 0; at < bytes.length; at += piece) {
      res.write(bytes.subarray(at, at + piece))
      await this.#sleep(100)
    }
    res.end()
  }

  async #sleep(milliseconds: number): Promise<void> {
    if (milliseconds > 0) await sleep(milliseconds, undefined, { signal: this.#stop.signal })
  }
}

async function readBody(req: IncomingMessage): Promise<{ body: Buffer; complete: boolean }> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of req) chunks.push(chunk)
  } catch {
    // The client has disconnected; the part that arrived is recorded.
  }
  return { body: Buffer.concat(chunks), complete: req.complete }
}

function write(res: ServerResponse, answer: Answer): void {
  writeHead(res, answer)
  res.end(answer.body)
  if (answer === INTERNAL_SERVER_ERROR) closeLater(res)
}

function writeHead(res: ServerResponse, { status, headers, contentType, body }: Answer): void {
  // uvicorn sends no Connection or Keep-Alive header.
  res.removeHeader('connection')
  res.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
}

/** uvicorn closes the connection 0.2 to 0.5 s after a 500, without a Connection header. */
function closeLater({ socket }: ServerResponse): void {
  setTimeout(() => socket?.destroy(), 200 + Math.random() * 300).unref()
}
