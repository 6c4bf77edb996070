import { Command } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import { runCheck } from './commands/check.ts'
import { runDemo } from './commands/demo.ts'
import { runExplain } from './commands/explain.ts'
import { runHealth } from './commands/health.ts'
import { run } from './commands/run.ts'
import { EXIT } from './exit-codes.ts'

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
  1  the command failed: a mistake in the configuration, a port in use, an unhealthy gateway
  2  the command line is wrong, or no backend is configured`

/** Creates the command line of `immich-ml-router`. */
export function createProgram(): Command {
  const program = new Command('immich-ml-router')
    .description("Routes Immich's machine-learning jobs to the best backend.")
    .version(packageJson.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', HELP)
    .showHelpAfterError('Run "immich-ml-router --help" for the commands.')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.ok : EXIT.usage))
  program
    .command('run', { isDefault: true })
    .description('run the gateway (the default command)')
    .argument('[file]', 'configuration file, YAML or JSON; default: $ROUTER_CONFIG')
    .action(run)
  program
    .command('check')
    .description('print in words what the configuration does, or every mistake in it')
    .argument('[file]', 'configuration file; default: $ROUTER_CONFIG')
    .option('--probe', 'ask every backend what it can do, and how fast')
    .action(runCheck)
  program
    .command('explain')
    .description('print where a request would go, and why')
    .argument('<request-file>', 'a predict request: its body, with or without the HTTP head')
    .option('-c, --config <file>', 'configuration file; default: $ROUTER_CONFIG')
    .action(runExplain)
  program
    .command('health')
    .description('exit with 0 if a gateway serves requests: the health check of a container')
    .argument('[url]', 'URL of the gateway; default: this machine, port $PORT')
    .action(runHealth)
  program
    .command('demo')
    .description('run the gateway with stub ML servers, on this machine only; their answers are made up')
    .action(runDemo)
  return program
}
