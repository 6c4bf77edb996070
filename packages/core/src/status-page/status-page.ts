import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { pathOf } from '../path-of.ts'
import type { Router } from '../router/router.ts'
import { act, isAction } from './actions.ts'
import { Hosts, hostRefusal } from './hosts.ts'
import { Live } from './live.ts'
import { PAGE } from './page.generated.ts'
import { Recorder } from './recorder.ts'
import { Reporter } from './report.ts'
import { hasToken } from './token.ts'

/** Options of `statusPage`. */
export interface StatusPageOptions {
  /**
   * What somebody has to know to drain, enable and wake backends; 1 character or more, none of them white space.
   * @default none: the page only shows
   */
  readonly adminToken?: string | undefined
  /**
   * The path of the page, as `req.url` has it: without a prefix that a framework has taken off; `''` where that is all.
   * @default '/_router'
   */
  readonly basePath?: string | undefined
  /**
   * Host names under which the page is served, beside `localhost` and IP addresses; `'*'` for every name. A request with
   * another name in `Host` gets 421, so that no site can read the page by DNS rebinding. `X-Forwarded-Host` is ignored.
   * @default none
   */
  readonly hosts?: readonly string[] | undefined
  /**
   * Where time comes from, for tests; the router's own.
   * @default the system's
   */
  readonly clock?: Clock | undefined
}

/** A handler of node:http, and a middleware of Express and the like. */
export interface StatusPage {
  /** @param next Called for what is not below the page's path; without it, such a request is answered with 404. */
  (req: IncomingMessage, res: ServerResponse, next?: () => unknown): void
  /** Sends away who looks, and records no more. It happens by itself when the router is closed. */
  close(): void
}

/**
 * A page that shows what a router does, live. It records the last requests and minutes from the moment it is made.
 *
 * @throws {RangeError} when the path, the token or a host name cannot be used.
 */
export function statusPage(router: Router, options: StatusPageOptions = {}): StatusPage {
  const server = new PageServer(router, options)
  return Object.assign(
    (req: IncomingMessage, res: ServerResponse, next?: () => unknown) => server.handle(req, res, next),
    { close: () => server.close() },
  )
}

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    `script-src '${PAGE.scriptHash}'`,
    `style-src '${PAGE.styleHash}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

class PageServer {
  readonly #router: Router
  readonly #basePath: string
  readonly #token: string | undefined
  readonly #hosts: Hosts
  readonly #live: Live
  readonly #stopListening: readonly (() => void)[]
  #closed = false

  constructor(
    router: Router,
    { adminToken, basePath = defaults.statusPath, hosts = [], clock = systemClock }: StatusPageOptions,
  ) {
    if (adminToken !== undefined && !/^\S+$/.test(adminToken))
      throw new RangeError('adminToken must have characters, and no white space among them.')
    if (!/^(?:\/[^?#]*)?$/.test(basePath))
      throw new RangeError(`basePath must begin with "/", not "${basePath}".`)
    this.#hosts = new Hosts(hosts)
    const recorder = new Recorder()
    this.#router = router
    this.#basePath = basePath.replace(/\/+$/, '')
    this.#token = adminToken
    this.#live = new Live(new Reporter(router, recorder, adminToken !== undefined), clock)
    this.#stopListening = [router.on('request', recorder.record), router.on('close', () => this.close())]
  }

  handle(req: IncomingMessage, res: ServerResponse, next: (() => unknown) | undefined): void {
    const path = pathOf(req)
    const isBelow = path === this.#basePath || path.startsWith(`${this.#basePath}/`)
    if (isBelow) this.#serve(req, res, path.slice(this.#basePath.length))
    else if (next !== undefined) next()
    else answer(res, 404, 'Not Found')
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const stop of this.#stopListening) stop()
    this.#live.end()
  }

  #serve(req: IncomingMessage, res: ServerResponse, path: string): void {
    req.resume()
    const refused = this.#hosts.refused(req)
    if (refused !== undefined) {
      answer(res, 421, hostRefusal(refused))
      return
    }
    const [, backend, action] = /^\/backends\/([^/]+)\/([^/]+)$/.exec(path) ?? []
    if (path === '' || path === '/') read(req, res, () => sendPage(req, res))
    else if (path === '/events') read(req, res, () => this.#show(req, res))
    else if (backend === undefined || action === undefined || !isAction(action)) answer(res, 404, 'Not Found')
    else if (req.method !== 'POST') refuseMethod(res, 'POST')
    else this.#act(req, res, () => act(this.#router, backend, action))
  }

  #show(req: IncomingMessage, res: ServerResponse): void {
    if (this.#closed) answer(res, 503, 'The router is closed.')
    else if (this.#live.isFull) answer(res, 503, 'Too many look at this page.')
    else {
      // A proxy on the way must not wait for the end.
      res.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
      if (req.method === 'HEAD') res.end()
      else this.#live.add(res)
    }
  }

  #act(req: IncomingMessage, res: ServerResponse, action: () => Promise<void>): void {
    if (this.#token === undefined) answer(res, 403, 'There is no admin token, so the page only shows.')
    else if (!hasToken(req, this.#token))
      answer(res, 401, 'This needs the admin token.', { 'www-authenticate': 'Bearer' })
    else
      action().then(
        () => {
          answer(res, 204)
          this.#live.hurry()
        },
        (error: unknown) => answer(res, error instanceof RangeError ? 404 : 502, messageOf(error)),
      )
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function read(req: IncomingMessage, res: ServerResponse, serve: () => void): void {
  if (req.method === 'GET' || req.method === 'HEAD') serve()
  else refuseMethod(res, 'GET, HEAD')
}

function sendPage({ method }: IncomingMessage, res: ServerResponse): void {
  const { html } = PAGE
  const length = Buffer.byteLength(html)
  res.writeHead(200, { ...HEADERS, 'content-type': 'text/html; charset=utf-8', 'content-length': length })
  res.end(method === 'HEAD' ? undefined : html)
}

function refuseMethod(res: ServerResponse, allow: string): void {
  answer(res, 405, 'Method Not Allowed', { allow })
}

/** Answers with a message, in the form of the router's own errors. */
function answer(
  res: ServerResponse,
  status: number,
  detail?: string,
  headers: Record<string, string> = {},
): void {
  const body = detail === undefined ? undefined : JSON.stringify({ detail })
  const phrase = STATUS_CODES[status] ?? ''
  res.writeHead(status, phrase, { ...HEADERS, 'content-type': 'application/json', ...headers })
  res.end(body)
}
