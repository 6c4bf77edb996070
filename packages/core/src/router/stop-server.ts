import { once } from 'node:events'
import type { Server } from 'node:http'
import net from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { LONGEST_TIMER } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import type { Router } from './router.ts'

/** Options of `stopServer`. */
export interface StopOptions {
  /**
   * How long running requests may go on, in milliseconds. The end takes up to one second more.
   * @default 8000
   */
  readonly timeout?: number
  /**
   * Whether the server listens on a socket that was handed over, see {@link inheritedSocket}: then connections wait in the
   * kernel for the next process.
   * @default false
   */
  readonly inherited?: boolean
  /** Aborting it ends the drain at once, as if `timeout` were over. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Stops a server and its router so that Immich loses as few jobs as possible. Call it in place of `server.close()`, which
 * closes idle connections at once and so races the next request on them.
 *
 * With a port of its own, new requests are accepted and held while running ones finish; then the port is closed and held
 * requests get 503. With a socket that was handed over, it stops accepting at once, serves what arrives on open connections
 * with `Connection: close`, and new connections wait for the next process.
 *
 * @example
 * ```ts
 * import http from 'node:http'
 * import { createRouter, inheritedSocket, stopServer } from '@immich-ml-router/core'
 *
 * const router = createRouter({ backends: { gpu: { url: 'http://gpu:3003' } } })
 * const socket = inheritedSocket()
 * const server = http.createServer((req, res) => router.handle(req, res))
 * server.requestTimeout = 0
 * server.listen(socket ?? { port: 3003 })
 * process.once('SIGTERM', () => stopServer(server, router, { inherited: socket !== undefined }))
 * ```
 */
export async function stopServer(
  server: Server,
  router: Pick<Router, 'close' | 'status'>,
  { timeout = defaults.drainTimeout, inherited = false, signal }: StopOptions = {},
): Promise<void> {
  const start = performance.now()
  if (inherited && server.listening && signal?.aborted !== true)
    await finishConnections(server, router, timeout, signal)
  const left = Math.max(0, timeout - (performance.now() - start))
  await router.close({ timeout: left, signal, onDrained: () => closePort(server) })
  stopListening(server)
  server.closeAllConnections()
}

/**
 * Serves what arrives on open connections until each is closed, the time is over, or the signal is aborted. Connections that are no predict
 * request's, such as those of an open status page, are not waited for.
 */
async function finishConnections(
  server: Server,
  router: Pick<Router, 'status'>,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  server.prependListener('request', (_req, res) => {
    res.shouldKeepAlive = false
  })
  const late = new AbortController()
  const closed = once(server, 'close', { signal: late.signal })
  stopListening(server)
  const ended = [
    closed,
    quiet(server, router, late.signal),
    setTimeout(Math.min(timeout, LONGEST_TIMER), undefined, { signal: late.signal }),
    ...(signal === undefined ? [] : [once(signal, 'abort', { signal: late.signal })]),
  ]
  await Promise.race(ended)
  for (const end of ended) end.catch(() => {})
  late.abort()
}

/** Resolves when no predict request has run for so long that Node has closed every idle connection. */
async function quiet(server: Server, router: Pick<Router, 'status'>, signal: AbortSignal): Promise<void> {
  const needed =
    server.keepAliveTimeout === 0 ? Number.POSITIVE_INFINITY : server.keepAliveTimeout + CLOSING_TIME
  let since = performance.now()
  while (performance.now() - since < needed) {
    await setTimeout(CHECK_INTERVAL, undefined, { signal })
    if (router.status().active > 0) since = performance.now()
  }
}

const CHECK_INTERVAL = 100
/** Node closes idle connections up to so much later than it has told their clients, in milliseconds. */
const CLOSING_TIME = 2_000

/**
 * Closes the port and idle connections once every client of Immich waits in a request that is held, so that each loses that
 * job alone. Closed any earlier, a client that sends its next job loses it with the connection, and then another.
 */
async function closePort(server: Server): Promise<void> {
  // The clients whose answers ended the drain send their next jobs now.
  if (server.listening) await setTimeout(NEXT_JOB_TIME)
  stopListening(server)
  server.closeIdleConnections()
  await setTimeout(NOTICE_TIME)
}

/** Time in which a client that has its answer sends its next job, in milliseconds. */
const NEXT_JOB_TIME = 250
/** Time in which clients notice that their idle connections were closed, in milliseconds. */
const NOTICE_TIME = 100

/** Closes the port alone: http.Server's own `close()` closes idle connections as well. */
function stopListening(server: Server): void {
  if (server.listening) net.Server.prototype.close.call(server)
}

/**
 * The listening socket that a supervisor such as systemd has handed over (`LISTEN_FDS`), for `server.listen()`.
 *
 * @example
 * ```ts
 * import http from 'node:http'
 * import { inheritedSocket } from '@immich-ml-router/core'
 *
 * http.createServer().listen(inheritedSocket() ?? { port: 3003 })
 * ```
 *
 * @returns `undefined` when there is none for this process.
 * @throws {Error} when there are several.
 */
export function inheritedSocket(
  env: Readonly<Record<string, string | undefined>> = process.env,
): { readonly fd: number } | undefined {
  const { LISTEN_FDS: count, LISTEN_PID: pid } = env
  if (!count || count === '0' || (pid && Number(pid) !== process.pid)) return undefined
  if (count !== '1') throw new Error(`LISTEN_FDS is ${count}, but the router listens on one socket.`)
  return { fd: FIRST_FD }
}

/** Where handed-over sockets begin (sd_listen_fds(3)). */
const FIRST_FD = 3
