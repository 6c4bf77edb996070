import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { ServerOptions } from 'http-proxy-3'
import { buildConnector, Client, type Dispatcher, Pool } from 'undici'
import type { Backend } from '../backend/backend.ts'
import type { TlsSettings } from '../backend/backend-settings.ts'
import { LONGEST_TIMER } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { InterimResponses } from './interim-responses.ts'
import { type ConnectorTls, proxyTls, tlsFor } from './tls-options.ts'

/** A handler that gets its connection, for example to see whether it was used before. */
export interface ConnectionAware {
  connection: { readonly reused: boolean; readonly socket: Socket | undefined } | undefined
}

/** One connection of a pool. */
class Connection extends Client {
  /** Its current or last socket. */
  socket: Socket | undefined
  /** Whether it had requests before the current one. */
  reused = false
  #interim: InterimResponses | undefined

  constructor(origin: URL, connector: buildConnector.connector, options: Client.Options) {
    const connect: buildConnector.connector = (asked, callback) =>
      connector(asked, (...made) => {
        this.socket = made[1] ?? undefined
        this.#interim = this.socket && new InterimResponses(this.socket)
        callback(...made)
      })
    super(origin, { ...options, connect })
    // A new connection is opened for the request that was dispatched last.
    this.on('connect', () => {
      this.reused = false
    })
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler & Partial<ConnectionAware>,
  ): boolean {
    this.reused = true
    // undici sends a request only when the answer to the previous one is complete.
    if (this.#interim !== undefined) this.#interim.awaiting = true
    if ('connection' in handler) handler.connection = this
    return super.dispatch(options, handler)
  }
}

/** A pool and the settings that it was made with: when they change, the pool is replaced. */
interface Connections {
  readonly pool: Pool
  readonly tls: TlsSettings | undefined
  readonly connectTimeout: number
}

/** The connections to the backends: one pool for each endpoint, made on first use. */
export class Dispatchers {
  readonly #pools = new Map<Backend, Connections>()
  /** Replaced pools, which finish their requests. */
  readonly #closing = new Set<Pool>()
  readonly #tls: ConnectorTls

  /** @param options http-proxy-3's options, whose TLS settings apply where a backend has none. */
  constructor(options: ServerOptions) {
    this.#tls = proxyTls(options)
  }

  for(backend: Backend): Pool {
    const { target } = backend
    const [tls, { connectTimeout }] = [target.tls(), target]
    const existing = this.#pools.get(backend)
    if (existing?.tls === tls && existing?.connectTimeout === connectTimeout) return existing.pool
    if (existing !== undefined) this.#retire(existing.pool)
    // A backend that is closed has no requests.
    else
      target.onClose(() => {
        this.#pools.get(backend)?.pool.destroy()
        this.#pools.delete(backend)
      })
    const pool = this.#make(backend)
    this.#pools.set(backend, { pool, tls, connectTimeout })
    return pool
  }

  #retire(pool: Pool): void {
    this.#closing.add(pool)
    pool.close(() => this.#closing.delete(pool))
  }

  #make(backend: Backend): Pool {
    const connector = this.#connectorFor(backend)
    return new Pool(backend.target.url.origin, {
      factory: (origin, options) => new Connection(origin, connector, options),
      keepAliveTimeout: defaults.keepAliveTimeout,
      keepAliveMaxTimeout: defaults.keepAliveTimeout,
      keepAliveTimeoutThreshold: defaults.keepAliveMargin,
      // The attempt enforces these timeouts itself, by the route.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      connect: connector,
    })
  }

  /** Requests and certificates use the backend's name; only the address is the endpoint's. */
  #connectorFor(backend: Backend): buildConnector.connector {
    const { connectTimeout, address } = backend.target
    const tls = backend.target.tls()
    const timeout = Math.min(connectTimeout, LONGEST_TIMER)
    const connect = buildConnector({ ...tlsFor(this.#tls, tls), timeout, allowH2: false })
    const elsewhere = {
      ...(address === undefined ? {} : { hostname: address.address, port: String(address.port) }),
      ...(tls?.servername === undefined ? {} : { servername: tls.servername }),
    }
    return (asked, callback) =>
      connect({ ...asked, ...elsewhere }, (...made) => {
        const [, socket] = made
        // A server may refuse the client after the handshake; undici would report only the end of the stream.
        if (socket instanceof TLSSocket) socket.once('error', (error) => socket.destroy(error))
        callback(...made)
      })
  }

  /** Closes every connection, running requests included. */
  async destroy(): Promise<void> {
    const pools = [...[...this.#pools.values()].map(({ pool }) => pool), ...this.#closing]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }
}
