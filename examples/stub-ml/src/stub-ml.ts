import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Listener } from './listener.ts'
import { type Prediction, predict } from './predict.ts'

/** What goes wrong with every predict request while it is set. */
export type Fault =
  /** Nothing listens. */
  | 'refuse'
  /** The connection is reset as soon as the request's header has arrived. */
  | 'reset'
  /** The request is read and never answered. */
  | 'hang'
  /** 500, as when a model cannot be loaded. */
  | 'error'
  /** The answer comes in pieces, a tenth of a second apart. */
  | 'slow-body'
  /** Half of the answer comes, then the connection is reset. */
  | 'half-response'

export interface StubOptions {
  /** Address to listen on. Default: loopback. */
  readonly host?: string
  /** Port to listen on. Default: any that is free. */
  readonly port?: number
  /** Requests that are computed at once; the rest wait, first in, first out. Default: 4. */
  readonly threads?: number
  /** Time to compute a request, in milliseconds, for every task or by task. Default: 0. */
  readonly serviceTime?: number | Readonly<Record<string, number>>
  /** Time to load a model on its first use, in milliseconds. Default: 0. */
  readonly coldStart?: number
  readonly fault?: Fault
}

/** A predict request as it arrived. */
export interface ReceivedRequest {
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  /** Bytes of the body, and their SHA-256; of what had arrived when it was cut off. */
  readonly size: number
  readonly sha256: string
  /** Whether the body arrived whole. */
  readonly complete: boolean
  readonly jobs: Prediction['jobs']
}

/** A stand-in for an Immich ML server, on a real socket. */
export class StubMl {
  /** What has arrived so far, oldest first. */
  readonly received: ReceivedRequest[] = []
  readonly #listener: Listener
  readonly #options: Required<Pick<StubOptions, 'threads' | 'serviceTime' | 'coldStart'>>
  readonly #loaded = new Map<string, Promise<void>>()
  readonly #waiting: (() => void)[] = []
  readonly #stop = new AbortController()
  #running = 0
  #started = 0
  #fault: Fault | undefined
  #silent = false

  private constructor(options: StubOptions) {
    this.#options = {
      threads: options.threads ?? 4,
      serviceTime: options.serviceTime ?? 0,
      coldStart: options.coldStart ?? 0,
    }
    this.#listener = new Listener({
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 0,
      handle: (req, res) => this.#handle(req, res),
    })
  }

  static async start(options: StubOptions = {}): Promise<StubMl> {
    const stub = new StubMl(options)
    await stub.#listener.open()
    await stub.setFault(options.fault)
    return stub
  }

  get port(): number {
    return this.#listener.port
  }

  get url(): string {
    return this.#listener.url
  }

  /** Predict requests that have begun to arrive. */
  get started(): number {
    return this.#started
  }

  /** Open connections. */
  connections(): Promise<number> {
    return this.#listener.connections()
  }

  async setFault(fault: Fault | undefined): Promise<void> {
    this.#fault = fault
    if (fault === 'refuse') await this.#listener.refuse()
    else await this.#listener.open()
  }

  /** Answers nothing at all, not even probes, as a machine does that is suspended; what listens goes on listening. */
  setSilent(silent: boolean): void {
    this.#silent = silent
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#listener.close()
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (this.#silent) return
    const path = req.url?.split('?', 1)[0]
    if (path === '/ping' && req.method === 'GET') return text(res, 'pong')
    if (path === '/' && req.method === 'GET') return json(res, 200, { message: 'Immich ML' })
    if (path !== '/predict' && path !== '/ping' && path !== '/')
      return json(res, 404, { detail: 'Not Found' })
    if (path !== '/predict' || req.method !== 'POST') return json(res, 405, { detail: 'Method Not Allowed' })
    return this.#predict(req, res)
  }

  async #predict(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.#started++
    if (this.#fault === 'reset') {
      req.socket.resetAndDestroy()
      return
    }
    const { body, complete } = await readBody(req)
    const prediction = predict(req.headers['content-type'], body)
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
    if (this.#fault === 'error') return json(res, 500, { detail: 'Internal Server Error' })
    await this.#compute(prediction)
    await this.#respond(res, prediction)
  }

  async #compute({ jobs }: Prediction): Promise<void> {
    if (this.#running >= this.#options.threads)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    try {
      for (const { model } of jobs) await this.#load(model)
      const { serviceTime } = this.#options
      const time = (task: string) =>
        typeof serviceTime === 'number' ? serviceTime : (serviceTime[task] ?? 0)
      await this.#sleep(Math.max(0, ...jobs.map(({ task }) => time(task))))
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  #load(model: string): Promise<void> {
    const loading = this.#loaded.get(model) ?? this.#sleep(this.#options.coldStart)
    this.#loaded.set(model, loading)
    return loading
  }

  async #respond(res: ServerResponse, { status, json: value }: Prediction): Promise<void> {
    if (this.#fault !== 'slow-body' && this.#fault !== 'half-response') return json(res, status, value)
    const bytes = Buffer.from(JSON.stringify(value))
    res.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
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
    // The sender went away: what had arrived is recorded.
  }
  return { body: Buffer.concat(chunks), complete: req.complete }
}

function json(res: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value)
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

function text(res: ServerResponse, body: string): void {
  res.writeHead(200, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  })
  res.end(body)
}
