import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StatusPage, StatusPageOptions } from '@immich-ml-router/status-page'
import type { GatewayConfig } from './config.ts'
import type { Environment } from './environment.ts'

/** Handles a request below the path of the status page. @returns Whether it has done so. */
export function handleBelowPage(page: StatusPage, req: IncomingMessage, res: ServerResponse): boolean {
  let isHandled = true
  page(req, res, () => {
    isHandled = false
  })
  return isHandled
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
 * Adds the files that outlive a gateway: the counts of `recycle`, and the history of the status page. They are beside the spooled
 * bodies with the port in their names, so that each gateway of a machine has its own. There are none with a port that the
 * system chooses, or if the router writes nothing to disk. `HISTORY_FILE` names another history file; `off` means none.
 */
export function withStateFiles(env: Environment, config: GatewayConfig): GatewayConfig {
  const { statusPage, port, options } = config
  const { HISTORY_FILE: setting } = env
  const { bodySpool = true } = options
  const directory = bodySpool === true ? tmpdir() : bodySpool
  const pathOf = (name: string) =>
    port === 0 || directory === false ? undefined : join(directory, `immich-ml-router-${name}-${port}.json`)
  const all = { ...config, recycleFile: pathOf('recycle') }
  if (statusPage === undefined || setting === 'off') return all
  return { ...all, statusPage: { ...statusPage, historyFile: setting || pathOf('history') } }
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
