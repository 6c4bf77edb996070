import leven from 'leven'
import type { Environment } from './config.ts'

const VARIABLES = [
  'ADMIN_TOKEN',
  'DRAIN_TIMEOUT',
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

  /** @param env The variables, of which one may be misspelled. */
  constructor(env: Environment) {
    super(missingConfigText(env))
  }
}

function missingConfigText(env: Environment): string {
  const hints = Object.keys(env).flatMap((name) => misspelling(name) ?? [])
  const standard = env['ROUTER_CONFIG_DEFAULT']
  const missing = standard
    ? `, and ${standard} does not exist (in a container, mount the directory of this file)`
    : ''
  return `no backend is configured${missing}. Configure the gateway in one of three ways:

  a file           immich-ml-router router.yaml   ("immich-ml-router init" writes one)
  ROUTER_CONFIG    the path of that file, as a variable
  ML_DEFAULT_URL   the URL of an ML server; ML_TEXT_URL and ML_IMAGE_URL for text and images
${hints.map((hint) => `\n${hint}`).join('')}`.trimEnd()
}

function misspelling(name: string): string | undefined {
  if (VARIABLES.includes(name)) return undefined
  const meant = SOURCES.find((source) => leven(name.toUpperCase(), source) <= MOST_EDITS)
  return meant && `The variable ${name} is set but unknown; did you mean ${meant}?`
}
