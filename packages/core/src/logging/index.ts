/**
 * Logs the events of a router to pino or a compatible logger.
 *
 * @module core/logging
 */

export { LOG_FIELDS, type Logger } from './lines.ts'
export { logRequests } from './log-requests.ts'
