import type { IncomingMessage } from 'node:http'
import { ProxyServer, type ServerOptions } from 'http-proxy-3'
import type { Backend } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import { defaults } from '../defaults.ts'
import { Attempt } from './attempt.ts'
import { Dispatchers, optionsOf } from './dispatchers.ts'
import type { ForwardRequest } from './forward-request.ts'
import { type HeaderRecord, requestHeaders } from './headers.ts'

export interface ForwardOptions {
  /**
   * An http-proxy-3 server, or the options for one, so that its events (`start`, `proxyRes`, `end`) and its TLS
   * settings (`ssl`, `ca`, `secure`) are yours. Its `agent` and `fetch` are not used: the router keeps its own
   * connections.
   */
  readonly proxy?: ProxyServer | ServerOptions | undefined
  /**
   * Response header with the name of the backend that answered; `false` for none.
   * @default 'x-immich-ml-backend'
   */
  readonly backendHeader?: string | false | undefined
  /**
   * Request header that tells a backend its own URL, as the seed's `X-Upstream` does.
   * @default none
   */
  readonly upstreamHeader?: string | undefined
  /**
   * Client headers to pass on that are kept back by default: `authorization`, `cookie`, `forwarded`,
   * `x-forwarded-*`, `x-real-ip`.
   * @default []
   */
  readonly forwardHeaders?: readonly string[] | undefined
}

/** Hands requests to backends through http-proxy-3. */
export class Forwarder {
  readonly #proxy: ProxyServer
  readonly #dispatchers: Dispatchers
  readonly #backendHeader: string | false
  readonly #upstreamHeader: string | undefined
  readonly #passed: ReadonlySet<string>

  constructor(options: ForwardOptions = {}) {
    this.#proxy = options.proxy instanceof ProxyServer ? options.proxy : new ProxyServer(options.proxy)
    this.#dispatchers = new Dispatchers(optionsOf(this.#proxy))
    this.#backendHeader = options.backendHeader ?? defaults.backendHeader
    this.#upstreamHeader = options.upstreamHeader
    this.#passed = new Set(options.forwardHeaders?.map((name) => name.toLowerCase()))
  }

  /** One attempt. It never rejects: what became of it is the outcome. */
  async attempt(request: ForwardRequest, backend: Backend): Promise<Outcome> {
    const { req, res } = request
    const body = request.body.stream()
    request.body.release()
    const attempt = new Attempt({
      backend,
      dispatcher: this.#dispatchers.for(backend),
      body,
      request,
      responseHeader: this.#backendHeader === false ? undefined : [this.#backendHeader, backend.name],
    })
    // http-proxy-3's declarations want a whole Response; it looks at what a ThinResponse has.
    const fetch = ((_url: string, init: { headers: Headers }) =>
      attempt.fetch(init.headers)) as unknown as typeof globalThis.fetch
    try {
      this.#proxy.web(
        requestView(req, this.#headersFor(request, backend)),
        res,
        {
          target: backend.predictUrl,
          ignorePath: true,
          changeOrigin: false,
          // Any agent will do, since the connections are undici's: without one, http-proxy-3 sends "connection: close".
          agent: true,
          buffer: body,
          selfHandleResponse: true,
          fetch,
        },
        (error) => attempt.fail(error),
      )
    } catch (error) {
      attempt.fail(error)
    }
    return attempt.outcome
  }

  /** Cuts what is running and closes every connection. */
  async destroy(): Promise<void> {
    await this.#dispatchers.destroy()
  }

  #headersFor({ req, keptLength }: ForwardRequest, backend: Backend): HeaderRecord {
    const headers = requestHeaders(req.headers, this.#passed)
    if (keptLength !== undefined) {
      delete headers['content-encoding']
      headers['content-length'] = String(keptLength)
    }
    if (this.#upstreamHeader !== undefined) headers[this.#upstreamHeader.toLowerCase()] = backend.url
    return headers
  }
}

/**
 * The request as http-proxy-3 and its listeners see it: the client's, with the headers that go to the backend.
 *
 * http-proxy-3 writes to `headers` and adds an error listener with every call; on the shared request these would pile
 * up. (Not `Object.create(req)`: an object that becomes a prototype is slow from then on, which cost 70 % of throughput.)
 */
function requestView(req: IncomingMessage, headers: HeaderRecord): IncomingMessage {
  const on = (event: string, listener: (...args: unknown[]) => void) => {
    if (event !== 'error') req.on(event, listener)
    return view
  }
  const view = new Proxy(req, {
    get(target, key) {
      if (key === 'headers') return headers
      if (key === 'on') return on
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return view
}
