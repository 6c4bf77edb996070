/**
 * A page that shows what a router does, live.
 *
 * @module core/status-page
 */

export { type StatusPage, type StatusPageOptions, statusPage } from './status-page.ts'
