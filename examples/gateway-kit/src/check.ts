import { describePolicy, resolveExchangeOptions } from '@immich-ml-router/core'
import {
  type ConfiguredOptions,
  type Environment,
  readDrainTimeout,
  readOptions,
  readPorts,
} from './config.ts'
import { makeLogger } from './log.ts'
import { readStatusPage } from './status-page.ts'

/** What a gateway is configured to do, in words, or what is wrong with that. */
export type Checked = { readonly words: string } | { readonly mistakes: string }

/** Reads a configuration as a gateway does that starts, and starts nothing. */
export async function checkConfig(env: Environment): Promise<Checked> {
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
    // Whether its directory can be written to is known on this machine alone.
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
  'No ML server is configured, by ROUTER_CONFIG or ML_TEXT_URL, ML_IMAGE_URL and ML_DEFAULT_URL: ' +
  'stand-in servers would be started, one for text, one for images, one for the rest.'
