import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StatusPage, StatusPageOptions } from '@immich-ml-router/status-page'
import type { GatewayConfig } from './config.ts'
import type { Environment } from './environment.ts'
import type { BuiltInHandler } from './server.ts'

/** Handles the requests below the path of the status page. */
export function statusPageHandler(page: StatusPage): BuiltInHandler {
  return (req, res) => {
    let isHandled = true
    page(req, res, () => {
      isHandled = false
    })
    return isHandled
  }
}

/**
 * Reads `STATUS_PAGE` (`on` or `off`, default `on`), `ADMIN_TOKEN`, and `STATUS_PAGE_HOSTS` (names separated by commas).
 *
 * @returns `undefined` if the page is off.
 */
export function readStatusPage(env: Environment): StatusPageOptions | undefined {
  const { STATUS_PAGE: setting, ADMIN_TOKEN: token } = env
  if (setting !== undefined && !['', 'on', 'off'].includes(setting))
    throw new Error(`STATUS_PAGE must be "on" or "off", not "${setting}".`)
  if (token !== undefined && /\s/.test(token)) throw new Error('ADMIN_TOKEN must not contain white space.')
  const hosts = readHosts(env['STATUS_PAGE_HOSTS'])
  return setting === 'off' ? undefined : { adminToken: token || undefined, hosts }
}

/**
 * Adds the history file of the status page: that of the variable `HISTORY_FILE`, or else one beside the spooled bodies with
 * the port in its name, so that each gateway of a machine has its own. `off` means none, as do a port that the system
 * chooses and a router that writes nothing to disk.
 */
export function withHistoryFile(env: Environment, config: GatewayConfig): GatewayConfig {
  const { statusPage, port, options } = config
  const { HISTORY_FILE: setting } = env
  if (statusPage === undefined || setting === 'off') return config
  const { bodySpool = true } = options
  const directory = bodySpool === true ? tmpdir() : bodySpool
  const standard =
    port === 0 || directory === false ? undefined : join(directory, `immich-ml-router-history-${port}.json`)
  return { ...config, statusPage: { ...statusPage, historyFile: setting || standard } }
}

function readHosts(text = ''): string[] {
  const hosts = text.split(',').flatMap((name) => name.trim() || [])
  const wrong = hosts.find((name) => name !== '*' && !/^[^\s/:*[\]@?#]+$/.test(name))
  if (wrong !== undefined)
    throw new Error(
      `STATUS_PAGE_HOSTS has "${wrong}", which is not a host name; write it without scheme and port, such as ml.example.org.`,
    )
  return hosts
}
