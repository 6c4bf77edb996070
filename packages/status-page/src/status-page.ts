import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Clock, Router } from '@immich-ml-router/core'
import { pathOf, systemClock } from '@immich-ml-router/core/parts'
import { act, forget, isAction } from './actions.ts'
import { ArchiveKeeper } from './archive-keeper.ts'
import { defaults } from './defaults.ts'
import { Hosts, hostRefusal } from './hosts.ts'
import { Live } from './live.ts'
import { PAGE } from './page.generated.ts'
import { Recorder } from './recorder.ts'
import { Reporter } from './report.ts'
import { Sampler } from './sampler.ts'
import { pathOf as pathOfRouter, SelfTest } from './self-test.ts'
import { type Listener, listenerOf, setupOf } from './setup.ts'
import { Snapshot } from './snapshot.ts'
import { hasToken } from './token.ts'
import type { QueuesView, RunView } from './wire.ts'

/** Options of `statusPage`. */
export interface StatusPageOptions {
  /**
   * Token for draining, enabling and waking backends: at least 1 character, no white space.
   * @default none: the page is read-only
   */
  readonly adminToken?: string | undefined
  /**
   * Path of the page in `req.url`. A framework may strip its mount path: then give the rest, or `''`.
   * @default '/_router'
   */
  readonly basePath?: string | undefined
  /**
   * Host names of the page, in addition to `localhost` and IP addresses; `'*'` allows every name. A request with another
   * name in `Host` gets 421, which prevents DNS rebinding. `X-Forwarded-Host` is ignored.
   * @default []
   */
  readonly hosts?: readonly string[] | undefined
  /**
   * Source of the configuration, such as `/config/router.yaml`, at the bottom of the page.
   * @default none
   */
  readonly config?: string | undefined
  /**
   * Path of a file that keeps the runs, the last 24 hours and the events across restarts. It is written at most once a minute
   * and when the page closes. Give each router a file of its own. If it cannot be written, there is a notice.
   * @default none: a restart forgets them
   */
  readonly historyFile?: string | undefined
  /**
   * Called with a sentence when the history file is ignored, or cannot be written.
   * @default none
   */
  readonly onHistoryProblem?: ((message: string) => void) | undefined
  /**
   * Immich's queues, such as `immichQueues(router).view` of `@immich-ml-router/immich`.
   * @default none
   */
  readonly queues?: (() => QueuesView | undefined) | undefined
  /**
   * The clock of the router, for tests.
   * @default the system clock
   */
  readonly clock?: Clock | undefined
}

/** A handler for node:http, and middleware for Express and similar frameworks. */
export interface StatusPage {
  /** @param next Called for requests outside the page's path. Without it, they get 404. */
  (req: IncomingMessage, res: ServerResponse, next?: () => unknown): void
  /**
   * Disconnects all viewers and stops recording. Closing the router does the same.
   *
   * @returns Resolves when the history file is no longer in use.
   */
  close(): Promise<void>
  /** @returns The current run of bulk jobs, if there is one, and the last ten; oldest first. */
  runs(): readonly RunView[]
}

/**
 * Creates a live status page of a router. It records requests from this call on.
 *
 * @throws {RangeError} when `basePath`, `adminToken`, `historyFile` or a host name is invalid.
 */
export function statusPage(router: Router, options: StatusPageOptions = {}): StatusPage {
  const server = new PageServer(router, options)
  return Object.assign(
    (req: IncomingMessage, res: ServerResponse, next?: () => unknown) => server.handle(req, res, next),
    { close: () => server.close(), runs: () => server.runs() },
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

/** Removes the saved answers of text searches; `?model=` only those of a model. */
const FORGET = '/search-cache/forget'

class PageServer {
  readonly #router: Router
  readonly #basePath: string
  readonly #token: string | undefined
  readonly #hosts: Hosts
  readonly #keeper: ArchiveKeeper
  readonly #reporter: Reporter
  readonly #live: Live
  readonly #snapshot: Snapshot
  readonly #selfTest: SelfTest
  #listener: Listener | undefined
  readonly #stopListening: readonly (() => void)[]
  #closed = false

  constructor(
    router: Router,
    {
      adminToken,
      basePath = defaults.basePath,
      hosts = [],
      config,
      historyFile,
      onHistoryProblem,
      queues,
      clock = systemClock,
    }: StatusPageOptions,
  ) {
    if (adminToken !== undefined && !/^\S+$/.test(adminToken))
      throw new RangeError('adminToken must have at least 1 character and no white space.')
    if (!/^(?:\/[^?#]*)?$/.test(basePath))
      throw new RangeError(`basePath must start with "/", not "${basePath}".`)
    if (historyFile === '') throw new RangeError('historyFile must be the path of a file.')
    this.#hosts = new Hosts(hosts)
    const keeper = new ArchiveKeeper(router, { clock, path: historyFile, onProblem: onHistoryProblem })
    this.#keeper = keeper
    const recorder = new Recorder(router.status(), keeper.archive)
    this.#router = router
    this.#basePath = basePath.replace(/\/+$/, '')
    this.#token = adminToken
    const reporter = new Reporter(router, recorder, {
      actions: adminToken !== undefined,
      config,
      queues,
      setup: () => this.#listener && setupOf(this.#listener, pathOfRouter(router)),
    })
    this.#reporter = reporter
    this.#selfTest = new SelfTest(router, clock)
    this.#live = new Live(reporter, clock)
    this.#snapshot = new Snapshot(reporter, clock)
    const sampler = new Sampler(router, recorder, clock)
    sampler.start()
    this.#stopListening = [
      router.on('request', (event) => {
        if (!this.#selfTest.take(event)) recorder.record(event)
      }),
      router.modules.onClose(() => this.close()),
      () => sampler.stop(),
      () => this.#selfTest.close(),
    ]
  }

  handle(req: IncomingMessage, res: ServerResponse, next: (() => unknown) | undefined): void {
    const path = pathOf(req)
    const isBelow = path === this.#basePath || path.startsWith(`${this.#basePath}/`)
    if (isBelow) this.#serve(req, res, path.slice(this.#basePath.length))
    else if (next !== undefined) next()
    else answer(res, 404, 'Not Found')
  }

  runs(): readonly RunView[] {
    return this.#reporter.runs()
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      for (const stop of this.#stopListening) stop()
      this.#live.end()
    }
    await this.#keeper.close()
  }

  #serve(req: IncomingMessage, res: ServerResponse, path: string): void {
    req.resume()
    const refused = this.#hosts.refused(req)
    if (refused !== undefined) {
      answer(res, 421, hostRefusal(refused))
      return
    }
    this.#listener = listenerOf(req) ?? this.#listener
    const [, backend, action] = /^\/backends\/([^/]+)\/([^/]+)$/.exec(path) ?? []
    if (path === '' || path === '/')
      read(req, res, () => sendWhole(res, req.method, 'text/html; charset=utf-8', PAGE.html))
    else if (path === '/events') read(req, res, () => this.#show(req, res))
    else if (path === '/status.json') read(req, res, () => this.#report(req, res))
    else if (path === '/test') post(req, res, () => this.#authorized(req, res, () => this.#test(res)))
    else if (path === FORGET)
      post(req, res, () => this.#authorized(req, res, () => this.#act(res, () => forget(this.#router, req))))
    else if (backend === undefined || action === undefined || !isAction(action)) answer(res, 404, 'Not Found')
    else
      post(req, res, () =>
        this.#authorized(req, res, () => this.#act(res, () => act(this.#router, backend, action))),
      )
  }

  #show(req: IncomingMessage, res: ServerResponse): void {
    if (this.#closed) answer(res, 503, 'The status page is closed.')
    else if (this.#live.isFull)
      answer(res, 503, `The page has ${defaults.viewers} viewers, which is the maximum. Close one of them.`)
    else {
      // nginx would buffer the events until the response ends.
      res.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
      if (req.method === 'HEAD') res.end()
      else this.#live.add(res)
    }
  }

  /** The report that the event stream sends first, for programs. */
  #report({ method }: IncomingMessage, res: ServerResponse): void {
    if (this.#closed) answer(res, 503, 'The status page is closed.')
    else sendWhole(res, method, 'application/json', this.#snapshot.json)
  }

  #authorized(req: IncomingMessage, res: ServerResponse, serve: () => void): void {
    if (this.#token === undefined)
      answer(
        res,
        403,
        'The page is read-only. Set ADMIN_TOKEN of the gateway, or option adminToken of statusPage().',
      )
    else if (!hasToken(req, this.#token))
      answer(res, 401, 'The admin token is missing or wrong. Send it as "Authorization: Bearer <token>".', {
        'www-authenticate': 'Bearer',
      })
    else serve()
  }

  #act(res: ServerResponse, action: () => Promise<void>): void {
    action().then(
      () => {
        answer(res, 204)
        this.#live.flush()
      },
      (error: unknown) => answer(res, error instanceof RangeError ? 404 : 502, messageOf(error)),
    )
  }

  #test(res: ServerResponse): void {
    const { wait } = this.#selfTest
    if (this.#closed) answer(res, 503, 'The status page is closed.')
    else if (wait > 0) {
      const seconds = Math.ceil(wait / 1_000)
      answer(res, 429, `Another test was just sent. Try again in ${seconds} s.`, {
        'retry-after': `${seconds}`,
      })
    } else
      this.#selfTest.run(this.#reporter.model).then(
        (tests) => sendWhole(res, 'POST', 'application/json', JSON.stringify({ tests })),
        (error: unknown) => answer(res, 502, messageOf(error)),
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

function post(req: IncomingMessage, res: ServerResponse, serve: () => void): void {
  if (req.method === 'POST') serve()
  else refuseMethod(res, 'POST')
}

function sendWhole(res: ServerResponse, method: string | undefined, type: string, text: string): void {
  res.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': Buffer.byteLength(text) })
  res.end(method === 'HEAD' ? undefined : text)
}

function refuseMethod(res: ServerResponse, allow: string): void {
  answer(res, 405, 'Method Not Allowed', { allow })
}

/** Answers with a message in the format of the router's errors. */
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
