import { inheritedSocket } from '@immich-ml-router/core'
import { type Logger, pino } from 'pino'
import { type GatewayConfig, readConfig } from './config.ts'
import { logDestination, makeLogger } from './log.ts'
import { standardOutput } from './log-output.ts'
import { MissingConfigError } from './missing-config.ts'
import { type Gateway, type MakeApp, startGateway } from './server.ts'
import { onTerminalHangUp } from './terminal.ts'

/** How long to wait at the end until the last log lines are written, in milliseconds. */
const FLUSH_TIMEOUT = 1_000

/** What {@link runGateway} runs. */
export interface RunOptions {
  /** The name in the first log line. */
  readonly name: string
  /** Creates the application that serves the requests. */
  readonly makeApp: MakeApp
  /** Reads the settings. Default: `readConfig()`, from environment variables. */
  readonly configure?: (() => Promise<GatewayConfig>) | undefined
  /** Called after the start. The text that it returns is printed. */
  readonly onStart?: ((gateway: Gateway, logger: Logger) => string | undefined) | undefined
  /** Called after the gateway has closed. */
  readonly onStop?: (() => Promise<void>) | undefined
}

/**
 * Runs a gateway as the main program of a process. SIGTERM, SIGINT or the end of its terminal stop it. SIGHUP reloads its
 * configuration. If it cannot start, it prints why and sets the exit code: 2 without a configuration, else 1.
 *
 * @example
 * ```ts
 * import { createRouter } from '@immich-ml-router/core'
 * import { runGateway } from '@immich-ml-router/gateway-kit'
 *
 * await runGateway({
 *   name: 'my gateway',
 *   makeApp: (options) => {
 *     const router = createRouter(options)
 *     return { router, listener: (req, res) => router.handle(req, res) }
 *   },
 * })
 * ```
 */
export async function runGateway(options: RunOptions): Promise<void> {
  const { makeApp, configure = () => readConfig(process.env) } = options
  const output = standardOutput()
  let logger: Logger = pino({}, output)
  output.whenDropped((dropped) =>
    logger.warn(
      { dropped },
      'log lines dropped: the output could not be written, or its reader was too slow',
    ),
  )
  try {
    logger = makeLogger(process.env, await logDestination(process.env, output))
    const config = { ...(await configure()), socket: inheritedSocket() }
    const gateway = await startGateway({ makeApp, config, logger })
    handleSignals(gateway, config, logger, options)
    logStart(gateway, config, logger, options)
  } catch (error) {
    // Plain lines: a person reads them, and a message has several.
    process.stderr.write(`${options.name}: ${error instanceof Error ? error.message : error}\n`)
    process.exitCode = error instanceof MissingConfigError ? 2 : 1
    await options.onStop?.()
    await end()
  }
}

function logStart(
  gateway: Gateway,
  config: GatewayConfig,
  logger: Logger,
  { name, onStart }: RunOptions,
): void {
  logger.info(
    {
      url: gateway.url,
      metrics: gateway.metricsUrl,
      backends: gateway.router.status().backends.map(({ name, url }) => ({ name, url })),
    },
    `${name} started, configured by ${config.source}`,
  )
  if (config.statusPage !== undefined) logger.info(`the status page is ${gateway.url}/_router`)
  const text = onStart?.(gateway, logger)
  if (text !== undefined) standardOutput().write(text)
}

function handleSignals(
  gateway: Gateway,
  config: GatewayConfig,
  logger: Logger,
  { onStop }: RunOptions,
): void {
  let stopping = false
  const stop = async (why: string) => {
    // The process group and the parent may both send the signal. The second one must not kill the process.
    if (stopping) return
    stopping = true
    logger.info(
      gateway.inherited
        ? `${why}: serving open connections; new ones wait for the next process`
        : `${why}: running requests finish, new ones are held`,
    )
    await gateway.close()
    await onStop?.()
    logger.info('stopped')
    await end()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal))
  onTerminalHangUp({
    hungUp: () => void stop('SIGHUP, the terminal hung up'),
    signaled: () => {
      if (gateway.reload !== undefined) void gateway.reload()
      else logger.info(`SIGHUP: nothing to reload, the gateway is configured by ${config.source}`)
    },
  })
}

/** Exits if unread log lines would keep the process alive. */
async function end(): Promise<void> {
  if (!(await standardOutput().flush(FLUSH_TIMEOUT))) process.exit()
}
