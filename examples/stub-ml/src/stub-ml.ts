import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
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
  readonly #options: Required<Pick<StubOptions, 'host' | 'threads' | 'serviceTime' | 'coldStart'>>
  readonly #loaded = new Map<string, Promise<void>>()
  readonly #waiting: (() => void)[] = []
  readonly #stop = new AbortController()
  #running = 0
  #started = 0
  #fault: Fault | undefined
  #silent = false
  #port: number
  #server: http.Server | undefined
  #placeholder: (() => Promise<void>) | undefined

  private constructor(options: StubOptions) {
    this.#options = {
      host: options.host ?? '127.0.0.1',
      threads: options.threads ?? 4,
      serviceTime: options.serviceTime ?? 0,
      coldStart: options.coldStart ?? 0,
    }
    this.#port = options.port ?? 0
  }

  static async start(options: StubOptions = {}): Promise<StubMl> {
    const stub = new StubMl(options)
    await stub.#listen()
    await stub.setFault(options.fault)
    return stub
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `http://${this.#options.host === '0.0.0.0' ? '127.0.0.1' : this.#options.host}:${this.#port}`
  }

  /** Predict requests that have begun to arrive. */
  get started(): number {
    return this.#started
  }

  /** Open connections. */
  connections(): Promise<number> {
    const server = this.#server
    if (server === undefined) return Promise.resolve(0)
    return new Promise((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
    })
  }

  async setFault(fault: Fault | undefined): Promise<void> {
    this.#fault = fault
    if (fault === 'refuse') {
      await this.#unlisten()
      this.#placeholder ??= await occupy(this.#options.host, this.#port)
    } else await this.#listen()
  }

  /** Answers nothing at all, not even probes, as a machine does that is suspended; what listens goes on listening. */
  setSilent(silent: boolean): void {
    this.#silent = silent
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#unlisten()
    await this.#vacate()
  }

  async #vacate(): Promise<void> {
    const placeholder = this.#placeholder
    this.#placeholder = undefined
    await placeholder?.()
  }

  async #listen(): Promise<void> {
    if (this.#server !== undefined) return
    await this.#vacate()
    const server = http.createServer({ keepAliveTimeout: 2_000, requestTimeout: 0 }, (req, res) => {
      this.#handle(req, res).catch(() => res.destroy())
    })
    this.#server = server
    server.listen(this.#port, this.#options.host)
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  async #unlisten(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
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

/**
 * Keeps a port from being given to others while nothing listens on it: an outgoing connection is bound to it.
 *
 * @returns What gives it back.
 */
async function occupy(host: string, port: number): Promise<() => Promise<void>> {
  const peer = net.createServer((socket) => socket.on('error', () => {}))
  peer.listen(0, host)
  await once(peer, 'listening')
  const to = (peer.address() as AddressInfo).port
  const socket = net.connect({ port: to, host, localAddress: host, localPort: port })
  socket.on('error', () => {})
  // Where the system does not let it have the port, it goes without.
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return async () => {
    const closed = socket.destroyed ? undefined : once(socket, 'close')
    socket.resetAndDestroy()
    peer.close()
    await closed
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
