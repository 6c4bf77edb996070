import type { Router } from '@immich-ml-router/core'
import { type StatusPageOptions, statusPage } from '@immich-ml-router/status-page'
import type { Environment } from './config.ts'
import type { OwnHandler } from './server.ts'

/** Answers the requests of the status page. */
export function ownStatusPage(router: Router, options: StatusPageOptions): OwnHandler {
  const page = statusPage(router, options)
  return (req, res) => {
    let isOwn = true
    page(req, res, () => {
      isOwn = false
    })
    return isOwn
  }
}

/**
 * Reads `STATUS_PAGE` (`on` by default, or `off`), `ADMIN_TOKEN`, and `STATUS_PAGE_HOSTS` (names separated by commas).
 *
 * @returns `undefined` when the page is off.
 */
export function readStatusPage(env: Environment): StatusPageOptions | undefined {
  const { STATUS_PAGE: wanted, ADMIN_TOKEN: token } = env
  if (wanted !== undefined && !['', 'on', 'off'].includes(wanted))
    throw new Error(`STATUS_PAGE must be "on" or "off", not "${wanted}".`)
  if (token !== undefined && /\s/.test(token)) throw new Error('ADMIN_TOKEN must have no white space in it.')
  const hosts = readHosts(env['STATUS_PAGE_HOSTS'])
  return wanted === 'off' ? undefined : { adminToken: token || undefined, hosts }
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
