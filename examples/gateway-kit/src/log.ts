import { LOG_FIELDS } from '@immich-ml-router/core/logging'
import { type DestinationStream, type Logger, pino } from 'pino'

const LEVELS = [...Object.keys(pino.levels.values), 'silent']
/** What can be redacted: what the lines of the router have, and that of the gateway's start. */
const FIELDS: readonly string[] = [...LOG_FIELDS, 'url', 'backends', 'pid', 'hostname']

/**
 * The logger of a gateway.
 *
 * @param env `LOG_LEVEL` is the least level that is written, `LOG_REDACT` a list of fields that are not: names, or paths as
 * pino has them, separated by commas.
 * @throws {Error} when one of them is not what it may be.
 */
export function makeLogger(
  env: Readonly<Record<string, string | undefined>>,
  destination?: DestinationStream,
): Logger {
  const level = env['LOG_LEVEL'] || 'info'
  if (!LEVELS.includes(level))
    throw new Error(`LOG_LEVEL must be one of ${LEVELS.join(', ')}, not "${level}".`)
  return pino({ level, redact: { paths: readPaths(env['LOG_REDACT']) } }, destination)
}

/** A field that there is not would be a secret that is not kept. */
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
