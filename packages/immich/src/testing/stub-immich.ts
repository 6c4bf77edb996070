import type { IncomingMessage, ServerResponse } from 'node:http'
import { Listener } from '../../../core/src/testing/listener.ts'
import { PERMISSIONS } from '../immich-client.ts'
import { QUEUES, type QueueName } from '../queue-names.ts'

/** A queue of the stub. As in Immich, `paused` are the jobs that would wait if the queue were not paused. */
export interface StubQueue {
  isPaused: boolean
  active: number
  waiting: number
  /** Assets without a result, which "Missing" queues. */
  missing: number
}

/**
 * What the stub does in place of an answer: `html` the web page of another server, `old` an Immich before 2.4, `silent`
 * nothing, `huge` an answer without an end, `lost` carries out the call and cuts the connection.
 */
export type StubFault = 'html' | 'old' | 'redirect' | 'error' | 'silent' | 'huge' | 'lost'

/** Stands in for Immich's API of job queues. Written from the behaviour of the real one. */
export class StubImmich {
  readonly queues = new Map<QueueName, StubQueue>(
    QUEUES.map((name) => [name, { isPaused: false, active: 0, waiting: 0, missing: 0 }]),
  )
  key = 'a-secret-key'
  isAdmin = true
  permissions: readonly string[] = PERMISSIONS
  fault: StubFault | undefined
  /** The calls that change something, such as `PUT /api/queues/ocr {"isPaused":true}`. */
  readonly changes: string[] = []
  /** All calls. */
  calls = 0
  readonly #listener = new Listener({
    host: '127.0.0.1',
    port: 0,
    handle: (req, res) => this.#handle(req, res),
  })

  static async start(): Promise<StubImmich> {
    const stub = new StubImmich()
    await stub.open()
    return stub
  }

  get url(): string {
    return this.#listener.url
  }

  queue(name: QueueName): StubQueue {
    const queue = this.queues.get(name)
    if (queue === undefined) throw new Error(`no queue ${name}`)
    return queue
  }

  /** The names of the queues that are paused. */
  get paused(): QueueName[] {
    return QUEUES.filter((name) => this.queue(name).isPaused)
  }

  /** Listens, on the same port as before. */
  open(): Promise<void> {
    return this.#listener.open()
  }

  close(): Promise<void> {
    return this.#listener.close()
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.calls++
    let body = ''
    for await (const chunk of req) body += String(chunk)
    const { method = '', url = '' } = req
    if (this.fault === 'silent') return
    if (this.fault === 'huge') {
      flood(res)
      return
    }
    const isKnown = req.headers['x-api-key'] === this.key
    const own = isKnown ? this.#answer(method, url, body) : refusal(401, 'Invalid API key')
    const { status, data, headers = { 'content-type': 'application/json' } } = this.#faulty(method, own)
    if (this.fault === 'lost' && method === 'PUT') res.destroy()
    else res.writeHead(status, headers).end(typeof data === 'string' ? data : JSON.stringify(data))
  }

  #faulty(method: string, own: StubAnswer): StubAnswer {
    switch (this.fault) {
      case 'html':
        return {
          status: 200,
          data: '<!doctype html><title>A page</title>',
          headers: { 'content-type': 'text/html' },
        }
      case 'old':
        return refusal(404, `Cannot ${method}`)
      case 'redirect':
        return { status: 302, data: '', headers: { location: 'https://elsewhere.example/' } }
      case 'error':
        return { status: 502, data: 'Bad Gateway' }
      default:
        return own
    }
  }

  #answer(method: string, url: string, body: string): StubAnswer {
    if (url === '/api/api-keys/me')
      return { status: 200, data: { id: 'an-id', permissions: this.permissions } }
    const [, kind, name] = /^\/api\/(queues|jobs)(?:\/(\w+))?$/.exec(url) ?? []
    const permission = method === 'GET' ? 'queue.read' : kind === 'queues' ? 'queue.update' : 'job.create'
    if (!this.isAdmin) return refusal(403, 'Forbidden')
    if (!this.permissions.includes(permission) && !this.permissions.includes('all'))
      return refusal(403, `Missing required permission: ${permission}`)
    if (method === 'GET' && kind === 'queues' && name === undefined)
      return { status: 200, data: [...OTHERS, ...QUEUES].map((one) => this.#view(one)) }
    const queue = QUEUES.find((one) => one === name)
    if (method !== 'PUT' || queue === undefined) return refusal(404, `Cannot ${method} ${url}`)
    return this.#change(method, url, queue, body)
  }

  #change(method: string, url: string, name: QueueName, body: string): StubAnswer {
    this.changes.push(`${method} ${url} ${body}`)
    const written: Record<string, unknown> = JSON.parse(body)
    const queue = this.queue(name)
    if (url.startsWith('/api/queues/')) queue.isPaused = written['isPaused'] === true
    else if (queue.active > 0) return refusal(400, 'Job is already running')
    else this.#startMissing(name)
    return { status: 200, data: this.#view(name) }
  }

  #startMissing(name: QueueName): void {
    const queue = this.queue(name)
    queue.waiting += queue.missing
    queue.missing = 0
  }

  #view(name: string): object {
    const queue = QUEUES.find((one) => one === name)
    const { isPaused, active, waiting } =
      queue === undefined ? { isPaused: false, active: 0, waiting: 3 } : this.queue(queue)
    const [now, later] = isPaused ? [0, waiting] : [waiting, 0]
    const statistics = { active, completed: 0, failed: 0, delayed: 0, waiting: now, paused: later }
    return { name, isPaused, statistics }
  }
}

interface StubAnswer {
  readonly status: number
  readonly data: unknown
  readonly headers?: Readonly<Record<string, string>>
}

function refusal(statusCode: number, message: string): StubAnswer {
  return { status: statusCode, data: { message, statusCode, correlationId: 'abc' } }
}

/** An answer without an end. */
function flood(res: ServerResponse): void {
  const piece = Buffer.alloc(65_536, ' ')
  const more = () => {
    while (!res.destroyed && res.write(piece));
  }
  res.on('drain', more)
  more()
}

/** Queues that are none of the router's. */
const OTHERS = ['thumbnailGeneration', 'facialRecognition', 'backgroundTask']
