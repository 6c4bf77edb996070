import { Command, InvalidArgumentError } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import type { CheckOptions } from './commands/check.ts'
import type { ExplainOptions } from './commands/explain.ts'
import type { InitOptions } from './commands/init.ts'
import { run } from './commands/run.ts'
import type { StatusOptions } from './commands/status.ts'
import type { WarmCacheOptions } from './commands/warm-cache.ts'
import { endOnHangUp } from './early-hang-up.ts'
import { EXIT } from './exit-codes.ts'
import { allowClosedPipe } from './fail.ts'
import { modelMistake } from './probe/immich-jobs.ts'

const HELP = `
Variables:
  ROUTER_CONFIG                the configuration file, where none is given
  ML_TEXT_URL, ML_IMAGE_URL,   without a file: the ML servers for text, for images, and for the rest
  ML_DEFAULT_URL
  PORT, HOST, METRICS_PORT     where to listen; 3003 on every address by default
  LOG_LEVEL, LOG_FORMAT        what is logged, and how: pretty or json
  and more: https://github.com/immich-ml-router/immich-ml-router/blob/main/docs/operating.md

Exit codes:
  0  success
  1  the command failed: a mistake in the configuration, a port in use, an unhealthy gateway, a job without a backend
  2  the command line is wrong, or no backend is configured`

const MODEL = [
  '--model <task=model>',
  "ask for this model, not for Immich's default one; repeatable",
] as const

function collectModel(value: string, before?: readonly string[]): string[] {
  const mistake = modelMistake(value)
  if (mistake !== undefined) throw new InvalidArgumentError(mistake)
  return collect(value, before)
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

/** The commands that run a gateway, which handles SIGHUP, and errors of its output. */
const GATEWAYS: ReadonlySet<string> = new Set(['run', 'demo'])

/** Creates the command line of `immich-ml-router`. Each command but `run` is loaded when it is used, so that `run` starts fast. */
export function createProgram(): Command {
  const program = new Command('immich-ml-router')
    .description("Routes Immich's machine-learning jobs to the best backend.")
    .version(packageJson.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', HELP)
    .showHelpAfterError('Run "immich-ml-router --help" for the commands.')
    .hook('preAction', (_, command) => {
      if (GATEWAYS.has(command.name())) return
      endOnHangUp()
      allowClosedPipe()
    })
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.ok : EXIT.usage))
  program
    .command('run', { isDefault: true })
    .description('run the gateway (the default command)')
    .argument('[file]', 'configuration file, YAML or JSON; default: $ROUTER_CONFIG')
    .allowExcessArguments() // A misspelled command with arguments gets here.
    .action(run)
  program
    .command('init')
    .description('ask your ML servers what they can do, and write a configuration that fits')
    .argument('[url...]', 'URLs of the ML servers; on a terminal, init asks for them')
    .option('-o, --output <file>', 'the file to write', 'router.yaml')
    .option('--name <name>', 'name of a backend, in the order of the URLs; repeatable', collect)
    .option('--sleeps <name-or-url>', 'its machine sleeps or is switched off at times; repeatable', collect)
    .option('--mac <name-or-url=mac>', 'its MAC address, for Wake-on-LAN; repeatable', collect)
    .option(...MODEL, collectModel)
    .option('--force', 'replace the file if it exists')
    .option('-y, --yes', 'ask no questions')
    .action(async (urls: string[], options: InitOptions, command: Command) =>
      (await import('./commands/init.ts')).runInit(urls, options, command),
    )
  program
    .command('check')
    .description('print in words what the configuration does, with warnings, or every mistake in it')
    .argument('[file]', 'configuration file; default: $ROUTER_CONFIG')
    .option('--probe', 'ask every backend what it can do, and how fast')
    .option(...MODEL, collectModel)
    .option('--strict', 'exit with 1 if there are warnings')
    .action(async (file: string | undefined, options: CheckOptions) =>
      (await import('./commands/check.ts')).runCheck(file, options),
    )
  program
    .command('explain')
    .description('print where a request would go, and why')
    .argument('<request-file>', 'a predict request: its body, with or without the HTTP head')
    .option('-c, --config <file>', 'configuration file; default: $ROUTER_CONFIG')
    .action(async (file: string, options: ExplainOptions) =>
      (await import('./commands/explain.ts')).runExplain(file, options),
    )
  program
    .command('status')
    .description(
      'print the state of a running gateway: backends, queued and held requests, and the last decisions',
    )
    .argument('[url]', 'URL of the gateway; default: this machine, port $PORT')
    .option('-w, --watch', 'print it again every 2 s, until Ctrl+C')
    .option('--json', 'print the JSON of /_router/status.json')
    .action(async (url: string | undefined, options: StatusOptions) =>
      (await import('./commands/status.ts')).runStatus(url, options),
    )
  program
    .command('warm-cache')
    .description('save the answers of the searches in a file, one on each line, in a running gateway')
    .argument('<file>', 'the searches')
    .option('--url <url>', 'URL of the gateway; default: this machine, port $PORT')
    .option('--model <name>', "the model of Immich's smart search; default: Immich's default")
    .option(
      '--language <code>',
      'language that Immich sends, such as en or de-DE; repeatable; default: en',
      collect,
    )
    .action(async (file: string, options: WarmCacheOptions) =>
      (await import('./commands/warm-cache.ts')).runWarmCache(file, options),
    )
  program
    .command('health')
    .description('exit with 0 if a gateway serves requests: the health check of a container')
    .argument('[url]', 'URL of the gateway; default: this machine, port $PORT')
    .action(async (url: string | undefined) => (await import('./commands/health.ts')).runHealth(url))
  program
    .command('demo')
    .description('run the gateway with stub ML servers, on this machine only; their answers are made up')
    .action(async () => (await import('./commands/demo.ts')).runDemo())
  return program
}
