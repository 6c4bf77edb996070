import * as z from 'zod'
import { hookMembers } from './hook-schema.ts'
import { count, limitedDuration } from './values.ts'

export const suspend = z.strictObject(
  {
    /** How long the backend has had no request in flight, queued or held. */
    afterIdle: limitedDuration.prefault('20m'),
    ...hookMembers,
  },
  'must be an object such as { afterIdle: 20m, url: http://gpu:9000/suspend }',
)

const HOURS = 'must be a number of hours above 0'
export const recycle = z.strictObject(
  {
    /** Restarts after so many answered jobs. */
    everyJobs: count(1).optional(),
    /** Restarts after so many hours. */
    everyHours: z.number(HOURS).positive(HOURS).optional(),
    /** How long the backend may take to answer probes again; then it gets requests all the same. */
    ready: limitedDuration.prefault('10m'),
    ...hookMembers,
  },
  'must be an object such as { everyJobs: 20000, url: http://gpu:9000/restart }',
)
