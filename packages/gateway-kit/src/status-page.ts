import type { Router } from '@immich-ml-router/core'
import { type StatusPageOptions, statusPage } from '@immich-ml-router/status-page'
import type { Environment } from './environment.ts'
import type { BuiltInHandler } from './server.ts'

/** Handles the requests below the path of the status page. */
export function statusPageHandler(router: Router, options: StatusPageOptions): BuiltInHandler {
  const page = statusPage(router, options)
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

function readHosts(text = ''): string[] {
  const hosts = text.split(',').flatMap((name) => name.trim() || [])
  const wrong = hosts.find((name) => name !== '*' && !/^[^\s/:*[\]@?#]+$/.test(name))
  if (wrong !== undefined)
    throw new Error(
      `STATUS_PAGE_HOSTS has "${wrong}", which is not a host name; write it without scheme and port, such as ml.example.org.`,
    )
  return hosts
}
