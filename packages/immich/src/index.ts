/**
 * Immich's job queues for a router: their progress, lost jobs queued again, and pauses while no backend works.
 *
 * @module immich
 */

// The first import, because it checks the version of Node.
import '@immich-ml-router/core'

export { type Access, checkAccess } from './check-access.ts'
export {
  type ImmichQueue,
  type ImmichQueues,
  type ImmichQueuesOptions,
  type ImmichView,
  immichQueues,
} from './immich-queues.ts'
export type { QueueName } from './queue-names.ts'
