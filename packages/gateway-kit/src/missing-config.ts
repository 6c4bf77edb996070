import leven from 'leven'
import type { Environment } from './environment.ts'

const VARIABLES = [
  'ADMIN_TOKEN',
  'DRAIN_TIMEOUT',
  'HISTORY_FILE',
  'HOST',
  'LOG_FORMAT',
  'LOG_LEVEL',
  'LOG_REDACT',
  'MAX_BODY_SIZE',
  'METRICS_PORT',
  'ML_DEFAULT_URL',
  'ML_IMAGE_URL',
  'ML_TEXT_URL',
  'PORT',
  'ROUTER_CONFIG',
  'ROUTER_CONFIG_DEFAULT',
  'STATUS_PAGE',
  'STATUS_PAGE_HOSTS',
]
/** The variables that configure backends. */
const SOURCES = ['ROUTER_CONFIG', 'ML_TEXT_URL', 'ML_IMAGE_URL', 'ML_DEFAULT_URL']
/** More edits than this make another name. */
const MOST_EDITS = 3

/** No backend is configured, so a gateway cannot start. The message says how to configure it. */
export class MissingConfigError extends Error {
  override readonly name = 'MissingConfigError'

  /**
   * @param env The variables, of which one may be misspelled.
   * @param ways Further ways to configure the program, one line each.
   */
  constructor(env: Environment, ways: readonly string[] = []) {
    super(missingConfigText(env, ways))
  }
}

function missingConfigText(env: Environment, ways: readonly string[]): string {
  const hints = Object.keys(env).flatMap((name) => misspelling(name) ?? [])
  const standard = env['ROUTER_CONFIG_DEFAULT']
  const missing = standard
    ? `, and ${standard} does not exist (in a container, mount the directory of this file)`
    : ''
  return `no backend is configured${missing}. Configure the gateway in one of these ways:

${ways.map((way) => `  ${way}\n`).join('')}  ROUTER_CONFIG    the path of a configuration file, as a variable
  ML_DEFAULT_URL   the URL of an ML server; ML_TEXT_URL and ML_IMAGE_URL for text and images
${hints.map((hint) => `\n${hint}`).join('')}`.trimEnd()
}

function misspelling(name: string): string | undefined {
  if (VARIABLES.includes(name)) return undefined
  const meant = SOURCES.find((source) => leven(name.toUpperCase(), source) <= MOST_EDITS)
  return meant && `The variable ${name} is set but unknown; did you mean ${meant}?`
}
