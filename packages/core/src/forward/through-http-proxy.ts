import type { IncomingMessage } from 'node:http'
import { ProxyServer, type ServerOptions } from 'http-proxy-3'
import type { Backend } from '../backend/backend.ts'
import type { Attempt } from './attempt.ts'
import type { ForwardRequest } from './forward-request.ts'
import type { HeaderRecord } from './headers.ts'
import type { Sender } from './sender.ts'

/** Hands attempts to http-proxy-3, whose `fetch` they are. */
export class HttpProxy implements Sender {
  readonly #proxy: ProxyServer
  /** Who looks at what passes through it: listeners, `xfwd` alone, or nobody, since nobody else has the server. */
  readonly #seenBy: 'listeners' | 'xfwd' | 'nobody'

  constructor(proxy: ProxyServer | ServerOptions | undefined) {
    const isServer = proxy instanceof ProxyServer
    this.#seenBy = isServer ? 'listeners' : proxy?.xfwd ? 'xfwd' : 'nobody'
    this.#proxy = isServer ? proxy : new ProxyServer(proxy)
  }

  send(attempt: Attempt, { req, res }: ForwardRequest, { target }: Backend, headers: HeaderRecord): void {
    const isSeen = this.#seenBy !== 'nobody'
    const fetch = isSeen ? () => attempt.fetch(headers) : () => unseen(attempt, headers)
    const view =
      this.#seenBy === 'listeners' ? wholeRequest(req, headers) : thinRequest(req, isSeen ? headers : NONE)
    try {
      this.#proxy.web(
        view,
        res,
        {
          target: isSeen ? target.url : ANYWHERE,
          // The attempt knows where to send it: http-proxy-3 need not put a path together.
          ignorePath: true,
          toProxy: true,
          prependPath: false,
          changeOrigin: false,
          // Any agent will do, since the connections are undici's: without one, http-proxy-3 sends "connection: close".
          agent: true,
          selfHandleResponse: true,
          // Its declarations want a whole Response; it looks at what a ThinResponse has.
          fetch: fetch as unknown as typeof globalThis.fetch,
          fetchOptions: isSeen ? NO_HEADERS : NONE,
        },
        (error) => attempt.fail(error),
      )
    } catch (error) {
      attempt.fail(error)
    }
  }
}

/**
 * http-proxy-3 makes a `Headers` object of the headers, unless it is given some: these are none, and the attempt sends
 * those of the request's view, which http-proxy-3's `xfwd` has added to.
 */
const NO_HEADERS = { requestOptions: { headers: [] } }

/** Where nobody looks, there are no headers to copy in the first place, no URL of any length to parse … */
const NONE = {}
const ANYWHERE = { protocol: 'http:', host: 'a', port: 80, href: 'http://a/' }

/** … and no response to make another of. */
function unseen(attempt: Attempt, headers: HeaderRecord): Promise<never> {
  attempt.send(headers)
  return new Promise(() => {})
}

/** What http-proxy-3 itself looks at in a request. */
class ThinRequest {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: HeaderRecord
  readonly httpVersionMajor: number
  readonly socket: IncomingMessage['socket']
  readonly connection: IncomingMessage['socket']

  constructor(req: IncomingMessage, headers: HeaderRecord) {
    this.method = req.method
    this.url = req.url
    this.headers = headers
    this.httpVersionMajor = req.httpVersionMajor
    this.socket = req.socket
    this.connection = req.socket
  }

  /** It listens to errors with every call; on the shared request these would pile up, and the body tells of them. */
  on(): this {
    return this
  }
}

/** A whole request for http-proxy-3's declarations; it looks at what a ThinRequest has. */
function thinRequest(req: IncomingMessage, headers: HeaderRecord): IncomingMessage {
  return new ThinRequest(req, headers) as unknown as IncomingMessage
}

/**
 * The request as http-proxy-3's listeners see it: the client's, with the headers that go to the backend. It takes about as
 * long to make as all the rest of what http-proxy-3 does. (Not `Object.create(req)`: an object that becomes a prototype is
 * slow from then on, which cost 70 % of throughput.)
 */
function wholeRequest(req: IncomingMessage, headers: HeaderRecord): IncomingMessage {
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

/** The options that a user's proxy server was made with; http-proxy-3 keeps them to itself. */
export function proxyOptionsOf(proxy: ProxyServer | ServerOptions | undefined): ServerOptions {
  const options: unknown = proxy instanceof ProxyServer ? Reflect.get(proxy, 'options') : proxy
  return typeof options === 'object' && options !== null ? options : {}
}
