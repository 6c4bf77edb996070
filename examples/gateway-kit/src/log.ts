import { LOG_FIELDS } from '@immich-ml-router/core/logging'
import { type DestinationStream, type Logger, pino } from 'pino'
import { standardOutput } from './log-output.ts'

const LEVELS = [...Object.keys(pino.levels.values), 'silent']
/** The fields that can be redacted: those of the router's lines and of the gateway's own. */
const FIELDS: readonly string[] = [...LOG_FIELDS, 'url', 'backends', 'dropped', 'pid', 'hostname']

/**
 * The logger of a gateway.
 *
 * @param env `LOG_LEVEL` is the lowest level that is written. `LOG_REDACT` lists the fields whose values are not written:
 * names or pino's paths, separated by commas.
 * @param destination The standard output by default.
 * @throws {Error} when a variable has a value that is not allowed.
 */
export function makeLogger(
  env: Readonly<Record<string, string | undefined>>,
  destination: DestinationStream = standardOutput(),
): Logger {
  const level = env['LOG_LEVEL'] || 'info'
  if (!LEVELS.includes(level))
    throw new Error(`LOG_LEVEL must be one of ${LEVELS.join(', ')}, not "${level}".`)
  return pino({ level, redact: { paths: readPaths(env['LOG_REDACT']) } }, destination)
}

/** An unknown field is an error: a misspelled one would be written. */
function readPaths(text = ''): string[] {
  const paths = text.split(',').flatMap((path) => path.trim() || [])
  for (const path of paths) {
    const [field = ''] = /^[^.[]*/.exec(path) ?? []
    if (!FIELDS.includes(field))
      throw new Error(
        `LOG_REDACT names "${path}", but no line has "${field}": it is one of ${FIELDS.join(', ')}.`,
      )
    try {
      pino({ enabled: false, redact: { paths: [path] } })
    } catch (error) {
      throw new Error(
        `LOG_REDACT names "${path}", which is no path such as steps.total or attempts[*].backend.`,
        {
          cause: error,
        },
      )
    }
  }
  return paths
}
