import { inheritedSocket } from '@immich-ml-router/core'
import { type Logger, pino } from 'pino'
import { type Args, readArgs, USAGE } from './args.ts'
import { checkConfig } from './check.ts'
import { type GatewayConfig, readConfig, readOptions } from './config.ts'
import { explainRequest } from './explain.ts'
import { makeLogger } from './log.ts'
import { standardOutput } from './log-output.ts'
import { type Gateway, type MakeApp, startGateway } from './server.ts'
import { onTerminalHangUp } from './terminal.ts'
import { tryCommands } from './try-commands.ts'

/** How long to wait at the end until the last log lines are written, in milliseconds. */
const LAST_LINES = 1_000

/**
 * Runs a gateway as the main program, configured by environment variables. SIGTERM, SIGINT or the end of its terminal stop
 * it. SIGHUP reloads its configuration. `--check` only prints the configuration, and `--explain` where a request would go.
 */
export async function runGateway(name: string, makeApp: MakeApp): Promise<void> {
  let args: Args
  try {
    args = readArgs(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${USAGE}\n`)
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
    process.stderr.write(`${messageOf(error)}\n`)
    process.exitCode = 1
  }
}

async function run(name: string, makeApp: MakeApp): Promise<void> {
  const output = standardOutput()
  let logger: Logger = pino({}, output)
  output.whenDropped((dropped) =>
    logger.warn(
      { dropped },
      'log lines dropped: the output could not be written, or its reader was too slow',
    ),
  )
  try {
    logger = makeLogger(process.env, output)
    const config = { ...(await readConfig(process.env)), socket: inheritedSocket() }
    const readAgain = async () => (await readOptions(process.env))?.options ?? config.options
    const gateway = await startGateway(makeApp, config, logger, readAgain)
    handleSignals(gateway, config, logger)
    logStart(name, gateway, config, logger)
  } catch (error) {
    logger.fatal(messageOf(error))
    process.exitCode = 1
    await end()
  }
}

function logStart(name: string, gateway: Gateway, config: GatewayConfig, logger: Logger): void {
  logger.info(
    {
      url: gateway.url,
      metrics: gateway.metricsUrl,
      backends: gateway.router.status().backends.map(({ name, url }) => ({ name, url })),
    },
    `${name} gateway, configured by ${config.source}`,
  )
  if (config.statusPage !== undefined) logger.info(`the status page is ${gateway.url}/_router`)
  if (config.stubs.length > 0) standardOutput().write(tryCommands(gateway.url))
}

function handleSignals(gateway: Gateway, config: GatewayConfig, logger: Logger): void {
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
  if (!(await standardOutput().flush(LAST_LINES))) process.exit()
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
