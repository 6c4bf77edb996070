import { configWarnings, describePolicy, type RouterConfig } from '@immich-ml-router/core'
import {
  type ConfiguredOptions,
  type Environment,
  logDestination,
  MissingConfigError,
  makeLogger,
  readSettings,
} from '@immich-ml-router/gateway-kit'
import { configureOptions } from '../configure.ts'
import { EXIT } from '../exit-codes.ts'
import { fail } from '../fail.ts'

/** The configuration in words with its warnings, or every mistake in it. */
export type CheckResult = InWords | Mistakes

interface InWords {
  readonly options: RouterConfig
  readonly words: string
  /** With their places in the file. */
  readonly warnings: readonly string[]
}

interface Mistakes {
  readonly mistakes: string
}

/**
 * Reads the configuration like a gateway at its start, but starts nothing.
 *
 * @param path The configuration file. Default: the variable `ROUTER_CONFIG`.
 * @throws {MissingConfigError} if no backend is configured.
 */
export async function checkConfig(env: Environment, path?: string): Promise<CheckResult> {
  const read = await readWithMistakes(env, path)
  if ('mistakes' in read) return read
  const { options, source, show } = read
  return {
    options,
    words: `Configured by ${source}.\n\n${describePolicy(options, { warnings: false })}`,
    warnings: configWarnings(options).map(show),
  }
}

async function readWithMistakes(
  env: Environment,
  path: string | undefined,
): Promise<ConfiguredOptions | Mistakes> {
  let configured: ConfiguredOptions | undefined
  const mistakes: string[] = []
  const steps = [
    () => readSettings(env),
    () => makeLogger(env),
    () => logDestination(env),
    async () => {
      configured = await configureOptions(env, path)
    },
  ]
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      if (error instanceof MissingConfigError) throw error
      mistakes.push(error instanceof Error ? error.message : String(error))
    }
  }
  if (configured === undefined || mistakes.length > 0) return { mistakes: mistakes.join('\n') }
  return configured
}

/** The options of `check`. */
export interface CheckOptions {
  /** Whether to ask every backend as well. */
  readonly probe?: true
  /** Models to ask for, such as `clip=ViT-L-14__openai`. */
  readonly model?: readonly string[]
  /** Whether warnings make the command fail. */
  readonly strict?: true
}

/** Prints the configuration in words, or its mistakes. */
export async function runCheck(
  path: string | undefined,
  { probe, model, strict }: CheckOptions,
): Promise<void> {
  try {
    const checked = await checkConfig(process.env, path)
    if (!('mistakes' in checked)) {
      const { options, words, warnings } = checked
      process.stdout.write(`${words}\n`)
      if (warnings.length > 0) process.stdout.write(`\nWarnings:\n\n${warnings.join('\n\n')}\n`)
      if (strict && warnings.length > 0) process.exitCode = EXIT.failed
      if (probe) await (await import('./check-probe.ts')).runProbe(options, model)
    } else {
      process.stderr.write(`${checked.mistakes}\n`)
      process.exitCode = EXIT.failed
    }
  } catch (error) {
    fail(error)
  }
}
