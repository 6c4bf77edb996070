import * as z from 'zod'
import { connection } from './connection-schema.ts'
import { hookMembers } from './hook-schema.ts'
import { recycle, suspend } from './power-schema.ts'
import { keepWarm, ownHealth, ownTimeouts } from './shared-schema.ts'
import { count, dnsName, flag, limitedDuration, oneOrMany } from './values.ts'

const CONCURRENT = 'must be a whole number of 1 or more, "auto", or "unlimited"'
const RESERVE = 'must be a whole number, or a share such as "25%"'
const SHARE = /^[1-9]?\d(\.\d+)?%$/
const MAC = 'must be a MAC address such as aa:bb:cc:dd:ee:ff'
const BETWEEN = 'must be two different times of day such as "01:00-06:00"'
const BETWEEN_PATTERN = /^(?!(.{5})-\1$)(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d$/
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/
const HOST = 'must be a host name such as ml.example, and no address'
const SERVICE = 'must be the name of a service such as _http._tcp.ml.example, or a list of them'

export const wakeWhen = z.strictObject(
  {
    /**
     * Bulk jobs that wait: those that the router holds or, with `immich`, all that are left in Immich's queues. Searches do not
     * count.
     */
    queued: count(1).optional(),
    /** Local time of day, such as `01:00-06:00`. `22:00-06:00` spans midnight. */
    between: z.string(BETWEEN).regex(BETWEEN_PATTERN, BETWEEN).transform(timesOfDay).optional(),
    /** Wakes it this long after the first bulk job, whatever the other conditions say. */
    atMostAfter: limitedDuration.optional(),
  },
  'must be an object of queued, between, atMostAfter',
)

export const wake = z.strictObject(
  {
    /** MAC address of the machine, for a Wake-on-LAN packet. */
    mac: z
      .string(MAC)
      .regex(/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i, MAC)
      .optional(),
    /** Broadcast address of its network. */
    broadcast: z
      .string()
      .regex(IPV4, 'must be an IPv4 address such as 192.168.1.255')
      .prefault('255.255.255.255'),
    /** UDP port. */
    port: count(1).max(65_535, 'must be a port').prefault(9),
    /** Time between two packets or calls, as long as requests want the backend. */
    every: limitedDuration.prefault('30s'),
    /**
     * When bulk jobs wake it: once `queued` and `between` hold, as far as they are given, or after `atMostAfter`. Interactive
     * requests wake it at once. Without it, bulk jobs do as well.
     */
    when: wakeWhen.optional(),
    ...hookMembers,
  },
  'must be an object such as { mac: "aa:bb:cc:dd:ee:ff" } or { url: http://homeassistant:8123/api/webhook/gpu-on }',
)

export const discoverOptions = z.strictObject({
  /** Host names. Each address of a name is an endpoint on the port of `url`. Without `names` and `srv`, the host in `url`. */
  names: z.array(dnsName(HOST), 'must be a list of host names').min(1, 'must not be empty').optional(),
  /**
   * Service names, one or a list, whose SRV records name hosts and ports. A lower `priority` is used first; the others act
   * as a higher tier, but before the next tier of the backend. `weight` is the share of an endpoint in the backend's weight.
   */
  srv: oneOrMany(dnsName(SERVICE), SERVICE).optional(),
  /** Longest time between two resolutions. A shorter TTL makes it shorter, down to 1 s. */
  interval: limitedDuration.prefault('10s'),
})

/** One ML server. */
export const backend = z.strictObject(
  {
    /**
     * Base URL; `/predict` is appended to its path. A user name and password in it become basic authentication for this
     * backend only and appear in no log. The rest of the URL is not secret.
     */
    url: z
      .string('must be a URL such as http://192.168.1.20:3003')
      .superRefine(checkUrl)
      .meta({ examples: ['http://gpu:3003'] }),
    /** Its share in the weighted strategies, above 0. */
    weight: z.number('must be a number above 0').positive('must be a number above 0').prefault(1),
    /**
     * A tier is used only when every backend of the lower tiers is unavailable. A backend at its limit still counts as
     * available.
     */
    tier: count(1).prefault(1),
    ...connection,
    ...ownTimeouts,
    /**
     * Tasks that it serves, such as `[clip]`. Requests with another task, or with unknown tasks, never go there. Without
     * it, every task.
     */
    tasks: z
      .array(
        z.string().regex(/^[^*]+$/, 'must be the name of a task, without *'),
        'must be a list of tasks, such as [clip]',
      )
      .min(1, 'must name at least one task')
      .optional(),
    /** Whether a backend with `tasks` takes unclassified requests. The ML server may read another task in them. */
    unclassified: flag.prefault(false),
    /**
     * Concurrency limit; further requests are queued in the router, the urgent first. `auto` learns the limit from
     * measured latencies.
     */
    maxConcurrent: z
      .union(
        [z.number(CONCURRENT).int(CONCURRENT).min(1, CONCURRENT), z.enum(['auto', 'unlimited'])],
        CONCURRENT,
      )
      .transform((limit) => (limit === 'unlimited' ? Number.POSITIVE_INFINITY : limit))
      .prefault('auto'),
    /**
     * How many of `maxConcurrent`, or which share (`25%`, rounded up), are reserved for urgent requests, those of a
     * priority above 0. Where the limit is learned, one always stays for the others.
     */
    reserve: z
      .union([z.number().int().min(0), z.string().regex(SHARE, RESERVE)], RESERVE)
      .transform((written) =>
        typeof written === 'string' ? { share: Number.parseFloat(written) / 100 } : written,
      )
      .meta({ title: 'whole number or share' })
      .prefault(0),
    ...ownHealth,
    /**
     * Switches the machine on when a request wants the backend while it is unhealthy: by Wake-on-LAN (`mac`), a request
     * (`url`) or a `command`. It needs at least one of them.
     */
    wake: wake.optional(),
    /**
     * Suspends the machine once the backend is idle, by a request (`url`) or a `command`. In code, `managePower()` serves it.
     */
    suspend: suspend.optional(),
    /**
     * Restarts an ML server that leaks memory, after some jobs or hours: the backend is drained, the request or command is sent,
     * and it gets requests once it answers probes again. In code, `managePower()` serves it.
     */
    recycle: recycle.optional(),
    /**
     * Keeps the models of interactive jobs loaded: sends a canary when such a model is idle for this time. Use less than the model
     * TTL of the ML server, which is 300 s by default: `4m`. Not for a backend with `wake`, `suspend` or `health: { mode: lazy }`.
     * In code, `warmUp()` serves it.
     */
    keepWarm: keepWarm.optional(),
    /**
     * For a name with several addresses that change, each address a server with its own state: `dns` resolves the host in
     * `url`. Without it, the backend counts as one server.
     */
    discover: z
      .union([z.literal('dns'), discoverOptions], 'must be "dns", or an object of names, srv, interval')
      .optional(),
  },
  'must be an object such as { url: http://gpu:3003 }',
)

/** Minutes since midnight. */
function timesOfDay(text: string): { from: number; to: number } {
  const [from = 0, to = 0] = text.split('-').map((time) => {
    const [hours = 0, minutes = 0] = time.split(':').map(Number)
    return hours * 60 + minutes
  })
  return { from, to }
}

function checkUrl(text: string, context: z.RefinementCtx<string>): void {
  const problem = urlProblem(text)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
}

function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL such as http://192.168.1.20:3003'
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must begin with http:// or https://'
  if (url.search !== '' || url.hash !== '')
    return 'must have no query and no fragment; remove what follows ? or #'
  if (/\/predict\/*$/.test(url.pathname))
    return 'must not end in /predict, which the router appends; remove it'
  try {
    decodeURIComponent(url.username + url.password)
    return undefined
  } catch {
    return 'must have its user name and password percent-encoded'
  }
}
