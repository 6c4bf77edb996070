import type { IncomingMessage, ServerResponse } from 'node:http'
import { GOOD_ANSWER } from '@immich-ml-router/core/testing'
import { listen } from './servers.ts'

const PAGE = '<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Error</h1></body></html>'

type Answer = (req: IncomingMessage, res: ServerResponse) => void

const page =
  (status: number): Answer =>
  (_req, res) =>
    res.writeHead(status, { 'content-type': 'text/html; charset=UTF-8' }).end(PAGE)

/** What a service answers while none of its workers runs, by the words of docs/cloud-gpus.md. `undefined`: nothing, until one does. */
export const COLD_ANSWERS: ReadonlyMap<string, Answer | undefined> = new Map<string, Answer | undefined>([
  ['none until it has started', undefined],
  [
    '400 without `detail`',
    (_req, res) => res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"no worker"}'),
  ],
  ['303', (req, res) => res.writeHead(303, { location: `${req.url}?call=1` }).end()],
  ['404 with a page', page(404)],
  ['429', (_req, res) => res.writeHead(429, { 'content-type': 'text/plain' }).end('Rate exceeded.')],
  ['500 with a page', page(500)],
  ['502, 503 with a page', (req, res) => page(req.url === '/ping' ? 503 : 502)(req, res)],
  ['524 with a page', page(524)],
  ['connection refused', (req) => req.socket.resetAndDestroy()],
])

/** A service in front of an ML server that is not always there, and the API that starts and stops it. */
export class ColdService {
  readonly url: string
  /** `METHOD /path` of each request, oldest first. */
  readonly calls: string[] = []
  /** The credentials of each request. */
  readonly credentials = new Set<string | undefined>()
  readonly #cold: Answer | undefined
  readonly #waiting: (() => void)[] = []
  #isUp = false

  private constructor(url: string, cold: Answer | undefined) {
    this.url = url
    this.#cold = cold
  }

  /** @param cold What it answers while it is not there. */
  static async start(cold: Answer | undefined): Promise<ColdService> {
    const server = await listen((req, res) => service.#handle(req, res))
    const service = new ColdService(server.url, cold)
    return service
  }

  /** How often something was called. @param call Such as `POST /predict`. */
  count(call: string): number {
    return this.calls.filter((made) => made === call).length
  }

  up(): void {
    this.#isUp = true
    for (const answer of this.#waiting.splice(0)) answer()
  }

  down(): void {
    this.#isUp = false
  }

  #handle(req: IncomingMessage, res: ServerResponse): void {
    this.calls.push(`${req.method} ${req.url}`)
    this.credentials.add(req.headers.authorization)
    if (req.url !== '/ping' && req.url !== '/predict') return void res.writeHead(200).end()
    const answer = () =>
      req.url === '/ping'
        ? res.end('pong')
        : res.writeHead(200, { 'content-type': 'application/json' }).end(GOOD_ANSWER)
    req.resume().on('end', () => {
      if (this.#isUp) answer()
      else if (this.#cold === undefined) this.#waiting.push(answer)
      else this.#cold(req, res)
    })
  }
}
