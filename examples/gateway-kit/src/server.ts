import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Router, type RouterConfig, type RouterOptions, stopServer } from '@immich-ml-router/core'
import { logRequests } from '@immich-ml-router/core/logging'
import type { Logger } from 'pino'
import type { GatewayConfig } from './config.ts'
import { createHttpServer } from './http-server.ts'
import { GatewayMetrics } from './metrics.ts'
import { Reloader } from './reloader.ts'
import { statusPageHandler } from './status-page.ts'

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

/**
 * Starts a gateway on the inherited socket, or else on the configured port.
 *
 * @param readAgain Reads the options again after their file has changed.
 */
export async function startGateway(
  makeApp: MakeApp,
  config: GatewayConfig,
  logger: Logger,
  readAgain = async (): Promise<RouterConfig> => config.options,
): Promise<Gateway> {
  const { listener, router } = makeApp(config.options)
  logRequests(router, logger)
  const { file } = config
  const reloader = file === undefined ? undefined : new Reloader({ router, logger, file, read: readAgain })
  const metrics = new GatewayMetrics(router, reloader)
  const builtIn: BuiltInHandler[] = [
    ...(config.metricsPort === undefined ? [metrics.handle] : []),
    ...(config.statusPage === undefined ? [] : [statusPageHandler(router, config.statusPage)]),
  ]
  const server = createHttpServer(
    (req, res) => builtIn.some((handle) => handle(req, res)) || listener(req, res),
  )
  const metricsServer =
    config.metricsPort === undefined ? server : http.createServer((req, res) => metrics.answer(req, res))
  const socket = config.socket
  const inherited = socket !== undefined
  const close = async () => {
    reloader?.close()
    await stopServer(server, router, {
      inherited,
      ...(config.drainTimeout === undefined ? {} : { timeout: config.drainTimeout }),
    })
    // The metrics stay available while the router drains.
    const metricsClosed = closeServer(metricsServer)
    metricsServer.closeAllConnections()
    await metricsClosed
    metrics.close()
    await Promise.all(config.stubs.map((stub) => stub.close()))
  }
  try {
    const port = await listen(server, socket ?? { port: config.port })
    const metricsPort =
      config.metricsPort === undefined ? port : await listen(metricsServer, { port: config.metricsPort })
    const url = `http://localhost:${port}`
    reloader?.start(config.options)
    return {
      url,
      metricsUrl: `http://localhost:${metricsPort}/metrics`,
      router,
      inherited,
      reload: reloader && (() => reloader.reload()),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function listen(server: Server, on: { port: number } | { fd: number }): Promise<number> {
  server.listen(on)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function closeServer(server: Server): Promise<unknown> {
  return new Promise((resolve) => server.close(resolve))
}
