import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'

export interface ListenerOptions {
  /** Address to listen on. */
  readonly host: string
  /** Port to listen on; 0 selects a free port. */
  readonly port: number
  /** If it rejects, the connection is closed. */
  readonly handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>
}

/** A server that can stop listening and start again on the same port. */
export class Listener {
  readonly #options: ListenerOptions
  #port: number
  #server: http.Server | undefined
  #reservation: (() => Promise<void>) | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#port = options.port
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    const { host } = this.#options
    const shown = host === '0.0.0.0' ? '127.0.0.1' : host
    return `http://${shown.includes(':') ? `[${shown}]` : shown}:${this.#port}`
  }

  /** Number of open connections. */
  connections(): Promise<number> {
    const server = this.#server
    if (server === undefined) return Promise.resolve(0)
    return new Promise((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
    })
  }

  open(): Promise<void> {
    return this.#next(() => this.#open())
  }

  async #open(): Promise<void> {
    if (this.#server !== undefined) return
    await this.#release()
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

  /** Refuses connections and reserves the port. */
  refuse(): Promise<void> {
    return this.#next(async () => {
      await this.#stopListening()
      this.#reservation ??= await reserve(this.#options.host, this.#port)
    })
  }

  close(): Promise<void> {
    return this.#next(async () => {
      await this.#stopListening()
      await this.#release()
    })
  }

  /** Runs the changes one after another: a change that is not awaited would otherwise keep a socket open after `close()`. */
  #next(change: () => Promise<void>): Promise<void> {
    this.#last = this.#last.catch(() => {}).then(change)
    return this.#last
  }

  async #stopListening(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  async #release(): Promise<void> {
    const release = this.#reservation
    this.#reservation = undefined
    await release?.()
  }
}

/**
 * Reserves a port without listening on it, by an outgoing connection that is bound to the port.
 *
 * @returns A function that releases the port.
 */
async function reserve(host: string, port: number): Promise<() => Promise<void>> {
  const peer = net.createServer((socket) => socket.on('error', () => {}))
  peer.listen(0, host)
  await once(peer, 'listening')
  const to = (peer.address() as AddressInfo).port
  const socket = net.connect({ port: to, host, localAddress: host, localPort: port })
  socket.on('error', () => {})
  // Some systems do not allow this, or another program has got the port; then it is not reserved.
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  return async () => {
    const closed = socket.destroyed ? undefined : once(socket, 'close')
    socket.resetAndDestroy()
    peer.close()
    await closed
  }
}
