import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, ListenOptions } from 'node:net'
import { type Router, type RouterOptions, stopServer } from '@immich-ml-router/core'
import { logRequests } from '@immich-ml-router/core/logging'
import { type StatusPage, statusPage } from '@immich-ml-router/status-page'
import type { Logger } from 'pino'
import type { GatewayConfig } from './config.ts'
import { createHttpServer } from './http-server.ts'
import { ImmichPart } from './immich-part.ts'
import { listenError } from './listen-error.ts'
import { logWarnings } from './log-warnings.ts'
import { GatewayMetrics } from './metrics.ts'
import { attachModules } from './modules.ts'
import { Reloader } from './reloader.ts'
import { StartGate } from './start-gate.ts'
import { handleBelowPage } from './status-page.ts'
import { urlOf } from './url-of.ts'

/** A running gateway. */
export interface Gateway {
  readonly url: string
  /** The URL of the metrics. */
  readonly metricsUrl: string
  readonly router: Router
  /** Reloads the configuration and logs the result; `undefined` without a configuration file. */
  readonly reload: (() => Promise<void>) | undefined
  /** Whether it listens on a socket inherited from systemd. */
  readonly inherited: boolean
  /** Lets running requests finish, then closes everything; see `stopServer()`. */
  close(): Promise<void>
}

/** Handles a request before the framework sees it. @returns Whether it has done so. */
export type BuiltInHandler = (req: IncomingMessage, res: ServerResponse) => boolean

/** Creates the application of one framework: its listener and its router. */
export type MakeApp = (options: RouterOptions) => {
  readonly listener: RequestListener
  readonly router: Router
}

/** What {@link startGateway} starts. */
export interface StartOptions {
  /** Creates the application that serves the requests. */
  readonly makeApp: MakeApp
  /** The settings, from `readConfig()` or from code. */
  readonly config: GatewayConfig
  /** Gets a line for every request and change, see `makeLogger()`. */
  readonly logger: Logger
}

/**
 * Starts a gateway on the inherited socket, or else on the configured port. It serves the application, `/metrics` and the
 * status page, logs every request, and reloads the configuration file when the file changes. It reads and writes no state file
 * before its ports are open, because they may belong to a running gateway.
 *
 * @throws {RangeError} if the options of the router are invalid.
 * @throws {Error} if the port cannot be opened.
 *
 * @example
 * ```ts
 * import { createRouter } from '@immich-ml-router/core'
 * import { makeLogger, startGateway } from '@immich-ml-router/gateway-kit'
 *
 * const gateway = await startGateway({
 *   makeApp: (options) => {
 *     const router = createRouter(options)
 *     return { router, listener: (req, res) => router.handle(req, res) }
 *   },
 *   config: { port: 3003, source: 'code', options: { backends: { gpu: { url: 'http://gpu:3003' } } } },
 *   logger: makeLogger(process.env),
 * })
 * console.log(gateway.url)
 * ```
 */
export async function startGateway({ makeApp, config, logger }: StartOptions): Promise<Gateway> {
  const { listener, router } = makeApp(config.options)
  logRequests(router, logger)
  logWarnings(config.options, logger)
  const { file } = config
  const reloader =
    file === undefined ? undefined : new Reloader({ router, logger, file: file.path, read: file.read })
  const immich = new ImmichPart(logger, (registry) => metrics.add(registry))
  let page: StatusPage | undefined
  const metrics = new GatewayMetrics(router, {
    tenants: config.options.tenant !== undefined,
    reloader,
    page: config.statusPage && { runs: () => page?.runs() ?? [] },
  })
  const builtIn: BuiltInHandler[] = [
    ...(config.metricsPort === undefined ? [metrics.handle] : []),
    (req, res) => page !== undefined && handleBelowPage(page, req, res),
  ]
  const gate = new StartGate()
  const server = createHttpServer(
    gate.guard((req, res) => builtIn.some((handle) => handle(req, res)) || listener(req, res)),
  )
  const metricsServer =
    config.metricsPort === undefined ? server : http.createServer((req, res) => metrics.answer(req, res))
  const socket = config.socket
  const inherited = socket !== undefined
  const close = async () => {
    reloader?.close()
    await immich.prepareStop()
    await stopServer(server, router, {
      inherited,
      ...(config.drainTimeout === undefined ? {} : { timeout: config.drainTimeout }),
    })
    // The metrics stay available while the router drains.
    const metricsClosed = closeServer(metricsServer)
    metricsServer.closeAllConnections()
    await metricsClosed
    metrics.close()
  }
  const host = config.host === undefined ? {} : { host: config.host }
  try {
    const port = await listen(server, socket ?? { port: config.port, ...host }, 'PORT')
    const metricsPort =
      config.metricsPort === undefined
        ? port
        : await listen(metricsServer, { port: config.metricsPort, ...host }, 'METRICS_PORT')
    page =
      config.statusPage &&
      statusPage(router, {
        onHistoryProblem: (message) => logger.warn(message),
        queues: immich.view,
        config: config.file?.path ?? config.source,
        ...config.statusPage,
      })
    await attachModules(router, { immich, recycleFile: config.recycleFile })
    gate.open()
    reloader?.start(config.options)
    return {
      url: urlOf(config.host, port, 'localhost'),
      metricsUrl: `${urlOf(config.host, metricsPort, 'localhost')}/metrics`,
      router,
      inherited,
      reload: reloader && (() => reloader.reload()),
      close,
    }
  } catch (error) {
    gate.open()
    await close()
    throw error
  }
}

/** @param variable The variable that chooses the port, for the error message. */
async function listen(server: Server, on: ListenOptions | { fd: number }, variable: string): Promise<number> {
  server.listen(on)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw listenError(error, variable)
  }
  return (server.address() as AddressInfo).port
}

function closeServer(server: Server): Promise<unknown> {
  return new Promise((resolve) => server.close(resolve))
}
