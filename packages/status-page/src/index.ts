/**
 * A live status page of a router.
 *
 * @module status-page
 */

export { type StatusPage, type StatusPageOptions, statusPage } from './status-page.ts'
