import * as z from 'zod'
import { count, duration, limitedDuration, size } from './values.ts'

export const timeouts = z.strictObject(
  {
    /** Time to open a connection to a backend. */
    connect: duration.prefault('2s'),
    /**
     * Time from the last byte of the request to the first byte of the response. OCR on a slow CPU with a cold model takes
     * minutes. A client that is slow to upload does not count.
     */
    response: duration.prefault('10m'),
    /** Longest silence between two chunks of the response. A client that does not read does not count. */
    idle: duration.prefault('2m'),
    /**
     * Time that a backend may take to load a model: without an answer for so long, it is asked whether it still works. Twice the
     * longest load of that model counts where that is longer.
     */
    load: duration.prefault('2m'),
    /** All attempts together, from the first one. Waiting for the first backend does not count. */
    total: duration.prefault('unlimited'),
  },
  'must be an object of connect, response, idle, load, total',
)

const KEEP_WARM = 'must be a duration of at least "10s"'
export const keepWarm = limitedDuration.refine((time) => time >= 10_000, KEEP_WARM)

export const queue = z.strictObject(
  {
    /**
     * Longest time in the queue; then the answer is 503. A request that has waited for half of it goes before every later
     * request, however urgent.
     */
    maxWait: duration.prefault('10m'),
    /**
     * How many requests are queued at once, over all routes; further ones get 503. Held requests do not count, and a
     * retried request is never refused.
     */
    maxLength: count(0).prefault(1_000),
  },
  'must be an object of maxWait, maxLength',
)

const holdMembers = {
  /** Longest hold of a bulk request (priority 0); then the answer is 503. */
  bulk: duration.prefault('12h'),
  /** Longest hold of an interactive request (priority above 0), such as a text search. */
  interactive: duration.prefault('15s'),
  /**
   * How many requests are held at once on a route; further ones get 503. A tenth of it, rounded down, is reserved for
   * interactive requests.
   */
  maxHeld: count(1).prefault(1_000),
}
const HOLD =
  'must be false, a duration such as "12h", "unlimited", or an object of bulk, interactive, maxHeld'
export const routeHold = z.union([z.literal(false), duration, z.strictObject(holdMembers)], HOLD)
export const holdOptions = z.strictObject({
  ...holdMembers,
  /** Most bytes that the bodies of held requests take together, on all routes. */
  maxBytes: size.prefault('2gb'),
})
export const policyHold = z.union([z.literal(false), duration, holdOptions], `${HOLD}, maxBytes`)

export const healthOptions = z.strictObject({
  /**
   * `always` probes in every interval. `lazy` probes only while a request waits for the backend or could use it, so a machine
   * that sleeps, or a service that scales to zero, is left alone.
   */
  mode: z.enum(['always', 'lazy']).prefault('always'),
  /** Path of the probe, below the base URL. Any 2xx response passes, unless it is HTML. */
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'must begin with / and have no spaces')
    .prefault('/ping'),
  /**
   * Time between two probes, with 10 % jitter. It is 1 s while the state is in doubt, and 2 s at most while a request waits
   * for the backend.
   */
  interval: limitedDuration.prefault('10s'),
  /** Time for a probe to be answered. */
  timeout: limitedDuration.prefault('2s'),
  /** Successful probes in a row after which an unhealthy backend is healthy. */
  rise: count(1).prefault(2),
  /** Failed probes in a row after which a backend is unhealthy. */
  fall: count(1).prefault(3),
})

export const heartbeatOptions = z.strictObject({
  /** How long a client waits before its first heartbeat: a `200` with `application/json`, and a space. */
  after: limitedDuration.prefault('120s'),
  /** Time between two heartbeats, a space each. */
  every: limitedDuration.prefault('30s'),
})

export const retries = z
  .number('must be a whole number')
  .int('must be a whole number')
  .min(0, 'must not be below 0')
  .prefault(3)

/** Options of the policy that a route or a backend may set for itself. */
export const ownTimeouts = {
  /** How long each part of a request may take. The route's value wins over the backend's, and that over the policy's. */
  timeouts: timeouts.optional(),
}
export const ownHealth = {
  /** How backends are probed; `false` turns probes off. */
  health: z
    .union(
      [z.literal(false), healthOptions],
      'must be false or an object of mode, path, interval, timeout, rise, fall',
    )
    .optional(),
}
export const ownRetries = {
  /** How many further backends of the route are tried when one fails, each with the whole request. */
  retries,
}
export const ownHeartbeat = {
  /** Keeps a waiting client from giving up; `false` turns heartbeats off. */
  heartbeat: z
    .union([z.literal(false), heartbeatOptions], 'must be false or an object of after, every')
    .optional(),
}
