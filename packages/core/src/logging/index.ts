/**
 * Logs what a router does, to pino or what is like it.
 *
 * @module core/logging
 */

export { LOG_FIELDS, type Logger } from './lines.ts'
export { logRequests } from './log-requests.ts'
