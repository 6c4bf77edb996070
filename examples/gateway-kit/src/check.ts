import { describePolicy } from '@immich-ml-router/core'
import { resolveExchangeOptions } from '@immich-ml-router/core/parts'
import {
  type ConfiguredOptions,
  type Environment,
  readDrainTimeout,
  readOptions,
  readPorts,
} from './config.ts'
import { makeLogger } from './log.ts'
import { readStatusPage } from './status-page.ts'

/** The configuration in words, or every mistake in it. */
export type CheckResult = { readonly words: string } | { readonly mistakes: string }

/** Reads the configuration like a gateway at its start, but starts nothing. */
export async function checkConfig(env: Environment): Promise<CheckResult> {
  let configured: ConfiguredOptions | undefined
  const mistakes: string[] = []
  const steps = [
    () => readPorts(env),
    () => makeLogger(env),
    () => readDrainTimeout(env),
    () => readStatusPage(env),
    async () => {
      configured = await readOptions(env)
    },
    // Checks that the directory for temporary files is writable on this machine.
    () => configured && resolveExchangeOptions({ bodySpool: configured.options.bodySpool }),
  ]
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      mistakes.push(error instanceof Error ? error.message : String(error))
    }
  }
  if (mistakes.length > 0) return { mistakes: mistakes.join('\n') }
  if (configured === undefined) return { words: NOTHING }
  return { words: `Configured by ${configured.source}.\n\n${describePolicy(configured.options)}` }
}

const NOTHING =
  'No backend is configured; set ROUTER_CONFIG, or ML_TEXT_URL, ML_IMAGE_URL and ML_DEFAULT_URL. ' +
  'Without them, the gateway starts three stub servers: one for text, one for images, one for the rest.'
