export { LOG_FIELDS, type Logger } from './lines.ts'
export { logRequests } from './log-requests.ts'
