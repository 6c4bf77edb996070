import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'

export interface ListenerOptions {
  /** Address to listen on. */
  readonly host: string
  /** Port to listen on; 0 for any that is free. */
  readonly port: number
  /** Where it fails, the connection is closed. */
  readonly handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>
}

/** A server that can be gone for a while, and comes back on the port that it had. */
export class Listener {
  readonly #options: ListenerOptions
  #port: number
  #server: http.Server | undefined
  #placeholder: (() => Promise<void>) | undefined

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#port = options.port
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    const { host } = this.#options
    return `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${this.#port}`
  }

  /** Open connections. */
  connections(): Promise<number> {
    const server = this.#server
    if (server === undefined) return Promise.resolve(0)
    return new Promise((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
    })
  }

  async open(): Promise<void> {
    if (this.#server !== undefined) return
    await this.#vacate()
    const { host, handle } = this.#options
    const server = http.createServer(
      { keepAliveTimeout: 2_000, keepAliveTimeoutBuffer: 0, requestTimeout: 0 },
      (req, res) => {
        handle(req, res).catch(() => res.destroy())
      },
    )
    this.#server = server
    server.listen(this.#port, host)
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  /** Nothing listens any more, on a port that nobody else is given. */
  async refuse(): Promise<void> {
    await this.#unlisten()
    this.#placeholder ??= await occupy(this.#options.host, this.#port)
  }

  async close(): Promise<void> {
    await this.#unlisten()
    await this.#vacate()
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

  async #vacate(): Promise<void> {
    const placeholder = this.#placeholder
    this.#placeholder = undefined
    await placeholder?.()
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
