import http, { type IncomingMessage } from 'node:http'
import { duplexPair } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type Clock, explanationText, type RequestEvent, type Router } from '@immich-ml-router/core'
import { type Classified, canaryBody, type Entry } from '@immich-ml-router/core/parts'
import { decisionOf, decisionView } from './decision-view.ts'
import { defaults } from './defaults.ts'
import type { TestView } from './wire.ts'

/** Immich's default, for a router that has not seen a request yet. */
const MODEL = 'ViT-B-32__openai'

/**
 * Sends a text search and an image through the router, as Immich would: over HTTP, but on a pair of streams in this process,
 * so that it works in every framework and without a port.
 */
export class SelfTest {
  readonly #router: Router
  readonly #clock: Clock
  /** The requests of tests that run. */
  readonly #running = new Map<IncomingMessage, (event: RequestEvent) => void>()
  readonly #closed = new AbortController()
  #next = Number.NEGATIVE_INFINITY
  #isRunning = false

  constructor(router: Router, clock: Clock) {
    this.#router = router
    this.#clock = clock
  }

  /** Milliseconds until the next test may begin: one in 10 s for all viewers, and one at a time. */
  get wait(): number {
    if (this.#isRunning) return defaults.testInterval
    return Math.max(0, this.#next - this.#clock.now())
  }

  /** Takes the event of a request of its own. @returns Whether it is one, and so no traffic of a user. */
  take(event: RequestEvent): boolean {
    const resolve = this.#running.get(event.req)
    resolve?.(event)
    return this.#running.delete(event.req)
  }

  /**
   * Sends both at once; it takes at most 55 s.
   *
   * @param model The model of both; by default, Immich's.
   */
  async run(model = MODEL): Promise<TestView[]> {
    this.#isRunning = true
    this.#next = this.#clock.now() + defaults.testInterval
    try {
      return await Promise.all([
        this.#test('search', { task: 'clip', type: 'textual', model, options: { language: 'en' } }),
        this.#test('indexing', { task: 'clip', type: 'visual', model, options: {} }),
      ])
    } finally {
      this.#isRunning = false
    }
  }

  /** Ends a running test. */
  close(): void {
    this.#closed.abort()
  }

  async #test(job: TestView['job'], entry: Entry): Promise<TestView> {
    const input = job === 'search' ? 'text' : 'image'
    const classification: Classified = { classified: true, entries: [entry], tasks: [entry.task], input }
    const explanation = explanationText(this.#router.explain(classification))
    const { body, contentType } = await canaryBody({ entries: [entry], input })
    const event = await this.#send(body, contentType)
    return { job, model: entry.model, explanation, decision: decisionView(decisionOf(event, 0)) }
  }

  /** @returns What the router says about the request when it is over. */
  async #send(body: Buffer, contentType: string): Promise<RequestEvent> {
    const { promise, resolve, reject } = Promise.withResolvers<RequestEvent>()
    const [near, far] = duplexPair()
    let hasArrived = false
    const server = http.createServer((req, res) => {
      hasArrived = true
      this.#running.set(req, resolve)
      void this.#router.handle(req, res)
    })
    server.emit('connection', far)
    const late = new AbortController()
    const onClose = () => reject(new Error('The status page is closed.'))
    this.#closed.signal.addEventListener('abort', onClose)
    const cancel = this.#clock.after(defaults.testTime, () => late.abort())
    const request = http.request({
      createConnection: () => near,
      method: 'POST',
      path: `${pathOf(this.#router)}/predict`,
      headers: {
        host: 'immich-ml-router',
        'content-type': contentType,
        'content-length': body.length,
        // Tells @immich-ml-router/immich that Immich misses nothing if it fails.
        'x-immich-ml-test': '1',
      },
      signal: AbortSignal.any([late.signal, this.#closed.signal]),
    })
    // What happened is in the event, unless the request did not get that far.
    request.on('response', (response) => void buffer(response).catch(() => {}))
    request.on('error', (error) => {
      far.destroy()
      if (!hasArrived) reject(error)
    })
    request.end(body)
    try {
      return await promise
    } finally {
      cancel()
      this.#closed.signal.removeEventListener('abort', onClose)
      near.destroy()
      far.destroy()
    }
  }
}

/** The first path of a router; empty for none. */
export function pathOf({ modules }: Pick<Router, 'modules'>): string {
  const { path } = modules.config()
  const [first = ''] = typeof path === 'string' ? [path] : (path ?? [])
  return first.replace(/\/+$/, '')
}
