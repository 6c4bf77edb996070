import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { ProxyServer, ServerOptions } from 'http-proxy-3'
import { callSafely } from '../call-safely.ts'
import type { Attempt } from './attempt.ts'
import type { HeaderRecord } from './headers.ts'
import { directTransport, type Transport } from './transport.ts'

/** A user's proxy server, or the options for one. */
export type ProxyOption = ProxyServer | ServerOptions | undefined

/** Sends attempts through http-proxy-3: its events fire, and its `xfwd` and `timeout` apply. Its `fetch` is an attempt. */
export class HttpProxyTransport implements Transport {
  readonly #proxy: ProxyServer
  /** Whether the proxy server is the user's: only then can something listen to it. */
  readonly #isObserved: boolean

  constructor(proxy: ProxyOption) {
    this.#isObserved = isProxyServer(proxy)
    this.#proxy = isProxyServer(proxy) ? proxy : new (loadHttpProxy().ProxyServer)(proxy)
  }

  send(attempt: Attempt, headers: HeaderRecord): void {
    const { request, plan } = attempt.options
    const { url: target } = plan.lease.backend.target
    const req = requestView(request.req, headers)
    const res = this.#isObserved ? responseView(request.res) : request.res
    let isSent = false
    let failure: Error | undefined
    const fetch = async () => {
      isSent = true
      // Not the headers that `fetch` is given: http-proxy-3 makes a `Headers` object of them, where an invalid one would throw
      // out of reach of every handler.
      directTransport.send(attempt, req.headers as HeaderRecord)
      const { outcome } = await attempt.result
      const answer =
        outcome.kind === 'answered' || outcome.kind === 'passed-over' ? attempt.answer : undefined
      if (answer !== undefined) return fetchResponse(answer)
      failure = 'error' in outcome ? outcome.error : undefined
      if (failure !== undefined) throw failure
      // The client left, or another attempt was faster: http-proxy-3 has no event for either.
      return new Promise(() => {})
    }
    const onError = (error: Error) => {
      if (error !== failure) warn(error)
      else if (this.#isObserved && this.#proxy.listenerCount('error') > OWN_ERROR_LISTENERS)
        callSafely(() => this.#proxy.emit('error', error, req, res, target))
    }
    try {
      this.#proxy.web(
        req,
        res,
        { ...REQUEST_OPTIONS, target, fetch: fetch as unknown as typeof globalThis.fetch },
        onError,
      )
    } catch (error) {
      // A listener of `start` threw.
      warn(error)
      if (!isSent) directTransport.send(attempt, headers)
    }
  }
}

/** What the router decides, whatever the user's proxy server was made with. */
const REQUEST_OPTIONS: ServerOptions = {
  // `target` has the whole path.
  ignorePath: true,
  toProxy: true,
  prependPath: false,
  changeOrigin: false,
  // Connections are undici's. Without an agent, http-proxy-3 adds "connection: close".
  agent: true as unknown as NonNullable<ServerOptions['agent']>,
  selfHandleResponse: true,
  fetchOptions: { requestOptions: { headers: [] } },
}

/** http-proxy-3 has one itself. */
const OWN_ERROR_LISTENERS = 1

function warn(error: unknown): void {
  callSafely(() => {
    throw error
  })
}

/** What http-proxy-3 reads of a `Response`. The body is empty: it goes to the client directly. */
function fetchResponse({ status, head, headers }: NonNullable<Attempt['answer']>) {
  const entries = () => Object.entries(headers)
  return {
    status,
    statusText: head.statusText ?? '',
    // http-proxy-3 reads its members as well.
    headers: Object.defineProperty({ ...headers }, 'entries', { value: entries, enumerable: false }),
    body: null,
  }
}

/**
 * The request of one attempt: the client's, with the headers for the backend. (Not `Object.create(req)`: an object that
 * becomes a prototype is slow from then on, which cost 70 % of throughput.)
 */
function requestView(req: IncomingMessage, headers: HeaderRecord): IncomingMessage {
  let own: unknown = headers
  const on = (event: string, listener: (...args: unknown[]) => void) => {
    // http-proxy-3 adds one for each attempt; the body reports the error.
    if (event !== 'error') req.on(event, listener)
    return view
  }
  const view = new Proxy(req, {
    get(target, key) {
      if (key === 'headers') return own
      if (key === 'on') return on
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
    set(target, key, value) {
      if (key !== 'headers') return Reflect.set(target, key, value, target)
      own = value
      return true
    },
  })
  return view
}

/** Methods of a response that change nothing. */
const READING = /^(?:get|has|on$|once$|off$|listener|emit$)/

/** The response as listeners see it: they can read it, but only the router answers. Other methods do nothing. */
function responseView(res: ServerResponse): ServerResponse {
  const ignore = () => view
  const view: ServerResponse = new Proxy(res, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      return typeof key === 'string' && READING.test(key) ? value.bind(target) : ignore
    },
    set: () => true,
  })
  return view
}

/** By what it can do: loading the class of http-proxy-3 to compare would defeat `transport: direct`. */
export function isProxyServer(proxy: ProxyOption): proxy is ProxyServer {
  return typeof proxy === 'object' && typeof Reflect.get(proxy, 'web') === 'function'
}

/** The options that a proxy server was made with. */
export function proxyOptionsOf(proxy: ProxyOption): ServerOptions {
  const options: unknown = isProxyServer(proxy) ? Reflect.get(proxy, 'options') : proxy
  return typeof options === 'object' && options !== null ? options : {}
}

/** Loads http-proxy-3 for the first router that needs it: with `transport: direct` it never is. */
function loadHttpProxy(): typeof import('http-proxy-3') {
  return createRequire(import.meta.url)('http-proxy-3')
}
