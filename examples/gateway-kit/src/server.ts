import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  deferContinue,
  inheritedSocket,
  type Router,
  type RouterConfig,
  type RouterOptions,
  stopServer,
} from '@immich-ml-router/core'
import { logRequests } from '@immich-ml-router/core/logging'
import { type Logger, pino } from 'pino'
import { type Args, readArgs, USAGE } from './args.ts'
import { checkConfig } from './check.ts'
import { type GatewayConfig, readConfig, readOptions } from './config.ts'
import { explainRequest } from './explain.ts'
import { makeLogger } from './log.ts'
import { GatewayMetrics } from './metrics.ts'
import { Reloader } from './reloader.ts'
import { ownStatusPage } from './status-page.ts'

/** A running gateway. */
export interface Gateway {
  readonly url: string
  /** Where Prometheus finds its metrics. */
  readonly metricsUrl: string
  readonly router: Router
  /** Reads the configuration anew; `undefined` when it is in no file. The log tells what became of it. */
  readonly reload: (() => Promise<void>) | undefined
  /** Whether it listens on a socket that systemd handed over. */
  readonly inherited: boolean
  /** Lets running requests finish, then closes everything; see `stopServer()`. */
  close(): Promise<void>
}

/** What the gateway answers by itself, whatever its framework. @returns Whether it does. */
export type OwnHandler = (req: IncomingMessage, res: ServerResponse) => boolean

/** Makes the application of one framework: the listener and the router in it. */
export type MakeApp = (options: RouterOptions) => {
  readonly listener: RequestListener
  readonly router: Router
}

/**
 * Starts a gateway on the socket that was handed over to it, or else on the configured port.
 *
 * @param reread Reads the options anew, when the file that they are in has changed.
 */
export async function startGateway(
  makeApp: MakeApp,
  config: GatewayConfig,
  logger: Logger,
  reread = async (): Promise<RouterConfig> => config.options,
): Promise<Gateway> {
  const { listener, router } = makeApp(config.options)
  logRequests(router, logger)
  const { file } = config
  const reloader = file === undefined ? undefined : new Reloader({ router, logger, file, read: reread })
  const metrics = new GatewayMetrics(router, reloader)
  const own: OwnHandler[] = [
    ...(config.metricsPort === undefined ? [metrics.handle] : []),
    ...(config.statusPage === undefined ? [] : [ownStatusPage(router, config.statusPage)]),
  ]
  // The router bounds idle uploads itself; Node would answer an upload that the router has paused with 408 after 300 s.
  const server = http.createServer(
    { requestTimeout: 0 },
    (req, res) => own.some((handle) => handle(req, res)) || listener(req, res),
  )
  deferContinue(server)
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
    // The metrics can be read until here.
    const metricsClosed = closing(metricsServer)
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

function closing(server: Server): Promise<unknown> {
  return new Promise((resolve) => server.close(resolve))
}

/**
 * Runs a gateway as the main program: configured by the environment, which it reads again on SIGHUP, stopped by SIGTERM or
 * SIGINT. With `--check` it only says what it is configured to do, and with `--explain` where a request would go.
 */
export async function runGateway(name: string, makeApp: MakeApp): Promise<void> {
  let args: Args
  try {
    args = readArgs(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${USAGE}\n`)
    process.exitCode = 2
    return
  }
  if (args.check) await runCheck()
  else if (args.explain !== undefined) await runExplain(args.explain)
  else await run(name, makeApp)
}

async function runCheck(): Promise<void> {
  const checked = await checkConfig(process.env)
  if ('words' in checked) process.stdout.write(`${checked.words}\n`)
  else {
    process.stderr.write(`${checked.mistakes}\n`)
    process.exitCode = 1
  }
}

async function runExplain(path: string): Promise<void> {
  try {
    process.stdout.write(await explainRequest(path, await readOptions(process.env)))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}

async function run(name: string, makeApp: MakeApp): Promise<void> {
  let logger: Logger = pino()
  try {
    logger = makeLogger(process.env)
    const config = { ...(await readConfig(process.env)), socket: inheritedSocket() }
    const reread = async () => (await readOptions(process.env))?.options ?? config.options
    const gateway = await startGateway(makeApp, config, logger, reread)
    logger.info(
      {
        url: gateway.url,
        metrics: gateway.metricsUrl,
        backends: gateway.router.status().backends.map(({ name, url }) => ({ name, url })),
      },
      `${name} gateway, configured by ${config.source}`,
    )
    if (config.statusPage !== undefined) logger.info(`the status page is ${gateway.url}/_router`)
    if (config.stubs.length > 0) process.stdout.write(whatToTry(gateway.url))
    process.on('SIGHUP', () => {
      if (gateway.reload !== undefined) void gateway.reload()
      else logger.info(`SIGHUP: there is nothing to reload, since it is configured by ${config.source}`)
    })
    let stopping = false
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      // Not once: a process group and a parent both pass a signal on, and the second must not kill what the first stops.
      process.on(signal, async () => {
        if (stopping) return
        stopping = true
        logger.info(
          gateway.inherited
            ? `${signal}: serving open connections; new ones wait for the next process`
            : `${signal}: running requests finish, new ones are held`,
        )
        await gateway.close()
        logger.info('stopped')
      })
    }
  } catch (error) {
    logger.fatal(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}

function whatToTry(url: string): string {
  const entries = (task: string, type: string) => `-F 'entries={"${task}":{"${type}":{"modelName":"any"}}}'`
  return `
Stand-in ML servers are running, one for text, one for images, one for the rest. In another terminal, try:

  curl -i ${entries('clip', 'textual')} -F 'text=cat' ${url}/predict
  curl -i ${entries('clip', 'visual')} -F 'image=@README.md' ${url}/predict
  curl ${url}/ping

and look at ${url}/_router in a browser.

Each answer names the server that gave it in the header x-immich-ml-backend. For real servers, set
ML_TEXT_URL, ML_IMAGE_URL and ML_DEFAULT_URL, or ROUTER_CONFIG to the path of a configuration file.

`
}
