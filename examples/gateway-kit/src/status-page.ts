import type { Router } from '@immich-ml-router/core'
import { type StatusPageOptions, statusPage } from '@immich-ml-router/core/status-page'
import type { Environment } from './config.ts'
import type { OwnHandler } from './server.ts'

/** Answers what is for the status page. */
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
 * Reads `STATUS_PAGE`, which is `on` unless it says `off`, and `ADMIN_TOKEN`.
 *
 * @returns `undefined` for no page.
 */
export function readStatusPage(env: Environment): StatusPageOptions | undefined {
  const { STATUS_PAGE: wanted, ADMIN_TOKEN: token } = env
  if (wanted !== undefined && !['', 'on', 'off'].includes(wanted))
    throw new Error(`STATUS_PAGE must be "on" or "off", not "${wanted}".`)
  if (token !== undefined && /\s/.test(token)) throw new Error('ADMIN_TOKEN must have no white space in it.')
  return wanted === 'off' ? undefined : { adminToken: token || undefined }
}
