import { LOG_FIELDS } from '@immich-ml-router/core/logging'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { Environment } from './environment.ts'
import { standardOutput } from './log-output.ts'
import { prettyDestination } from './pretty-log.ts'

const LEVELS = [...Object.keys(pino.levels.values), 'silent']
/** The fields that can be redacted: those of the router's log lines and of the gateway's own. */
const FIELDS: readonly string[] = [...LOG_FIELDS, 'url', 'backends', 'dropped', 'pid', 'hostname']

/**
 * Creates the logger of a gateway.
 *
 * @param env `LOG_LEVEL` is the lowest level that is logged. `LOG_REDACT` lists the fields whose values are hidden: names or
 * paths of pino, separated by commas.
 * @param destination Default: standard output.
 * @throws {Error} if a variable has an invalid value.
 */
export function makeLogger(env: Environment, destination: DestinationStream = standardOutput()): Logger {
  const level = env['LOG_LEVEL'] || 'info'
  if (!LEVELS.includes(level))
    throw new Error(`LOG_LEVEL must be one of ${LEVELS.join(', ')}, not "${level}".`)
  return pino({ level, redact: { paths: readPaths(env['LOG_REDACT']) } }, destination)
}

const FORMATS = ['pretty', 'json']

/**
 * Chooses how log lines are written.
 *
 * @param env `LOG_FORMAT` is `pretty`, one readable line per event with local time, or `json`. Default: pretty on a terminal,
 * else JSON. `NO_COLOR` turns colours off.
 * @param output Gets the lines. Default: standard output.
 * @throws {Error} if `LOG_FORMAT` has another value.
 */
export async function logDestination(
  env: Environment,
  output: DestinationStream = standardOutput(),
  isTerminal = process.stdout.isTTY,
): Promise<DestinationStream> {
  const format = env['LOG_FORMAT'] || (isTerminal ? 'pretty' : 'json')
  if (!FORMATS.includes(format)) throw new Error(`LOG_FORMAT must be pretty or json, not "${format}".`)
  return format === 'json' ? output : prettyDestination(output, isTerminal && !env['NO_COLOR'])
}

/** Rejects unknown fields, because a misspelled field would not be redacted. */
function readPaths(text = ''): string[] {
  const paths = text.split(',').flatMap((path) => path.trim() || [])
  for (const path of paths) {
    const [field = ''] = /^[^.[]*/.exec(path) ?? []
    if (!FIELDS.includes(field))
      throw new Error(
        `LOG_REDACT names "${path}", but no log line has a field "${field}"; use one of ${FIELDS.join(', ')}.`,
      )
    try {
      pino({ enabled: false, redact: { paths: [path] } })
    } catch (error) {
      throw new Error(
        `LOG_REDACT names "${path}", which is not a path such as steps.total or attempts[*].backend.`,
        {
          cause: error,
        },
      )
    }
  }
  return paths
}
