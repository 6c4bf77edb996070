import { z } from 'zod'
import { defaults } from './defaults.ts'
import { DURATION_PATTERN } from './duration.ts'
import { PERCENTILE_PATTERN } from './hedge-options.ts'
import { SHARE_PATTERN } from './slots.ts'

const DURATION = 'must be milliseconds above 0, a duration such as "30s", or "unlimited"'
export const duration = z
  .union(
    [z.number().positive(DURATION), z.string().regex(DURATION_PATTERN, DURATION), z.literal('unlimited')],
    DURATION,
  )
  .meta({ title: 'duration or `unlimited`' })
export const timeouts = z
  .strictObject(
    {
      connect: duration.optional().meta({ description: 'To open a connection to a backend.', default: '2s' }),
      response: duration.optional().meta({
        description:
          'From the last byte of the request to the first of the response: OCR on a slow CPU with a cold model takes long. A client that is slow to upload does not count.',
        default: '10m',
      }),
      idle: duration.optional().meta({
        description: 'Between two pieces of the response; a client that does not read does not count.',
        default: '2m',
      }),
      total: duration.optional().meta({
        description:
          'All attempts together, from the first on; waiting for the first backend does not count.',
        default: 'unlimited',
      }),
    },
    'must be an object of connect, response, idle, total',
  )
  .optional()
  .meta({
    description:
      "How long each part of a request may take. The route's word counts before the backend's, and this before that for all.",
  })
const LIMITED = 'must be milliseconds above 0, or a duration such as "30s"'
const limited = z
  .union([z.number().positive(LIMITED), z.string().regex(DURATION_PATTERN, LIMITED)], LIMITED)
  .meta({ title: 'duration' })
export const count = (least: number) => {
  const what = `must be a whole number of ${least} or more`
  return z.number(what).int(what).min(least, what)
}
const CONCURRENT = 'must be a whole number of 1 or more, "auto", or "unlimited"'
export const maxConcurrent = z
  .union([z.number(CONCURRENT).int(CONCURRENT).min(1, CONCURRENT), z.enum(['auto', 'unlimited'])], CONCURRENT)
  .optional()
  .meta({
    description:
      'Requests that it gets at once; further ones wait in the router, the urgent first. `auto` learns how many it can work on; `unlimited` is any number.',
    default: defaults.maxConcurrent,
  })
const RESERVE = 'must be a whole number, or a share such as "25%"'
export const reserve = z
  .union([z.number().int().min(0), z.string().regex(SHARE_PATTERN, RESERVE)], RESERVE)
  .optional()
  .meta({
    title: 'whole number or share',
    description: 'How many of these, or which share (`25%`), are kept for urgent requests.',
    default: defaults.reserve,
  })
export const health = z
  .union(
    [
      z.literal(false),
      z.strictObject({
        path: z
          .string()
          .regex(/^\/[\x21-\x7e]*$/, 'must begin with / and have no spaces')
          .optional()
          .meta({
            description: 'Path below the base URL; any 2xx answer that is no HTML will do.',
            default: defaults.healthPath,
          }),
        interval: limited.optional().meta({
          description:
            'Between two probes, a tenth more or less by chance; 1 s while in doubt, and 2 s at most while a request waits for the backend.',
          default: '10s',
        }),
        timeout: limited.optional().meta({ description: 'For a probe to be answered.', default: '2s' }),
        rise: count(1).optional().meta({
          description: 'Answers in a row after which a backend that was down is up.',
          default: defaults.healthRise,
        }),
        fall: count(1).optional().meta({
          description: 'Failed probes in a row after which it is down.',
          default: defaults.healthFall,
        }),
      }),
    ],
    'must be false or an object of path, interval, timeout, rise, fall',
  )
  .optional()
  .meta({ description: 'How backends are probed; false for not at all.' })
export const heartbeat = z
  .union(
    [
      z.literal(false),
      z.strictObject({
        after: limited.optional().meta({
          description:
            'How long a client waits for its first sign of life: a `200` of `application/json`, and a space.',
          default: '120s',
        }),
        every: limited
          .optional()
          .meta({ description: 'Between two signs of life, a space each.', default: '30s' }),
      }),
    ],
    'must be false or an object of after, every',
  )
  .optional()
  .meta({ description: 'What keeps a waiting client from giving up; false for nothing.' })
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/
export const wake = z
  .strictObject(
    {
      mac: z
        .string('must be a MAC address such as aa:bb:cc:dd:ee:ff')
        .regex(/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i, 'must be a MAC address such as aa:bb:cc:dd:ee:ff')
        .meta({ description: 'The MAC address of the machine.' }),
      broadcast: z.string().regex(IPV4, 'must be an IPv4 address such as 192.168.1.255').optional().meta({
        description: 'The address of its network that reaches every machine there.',
        default: defaults.wakeBroadcast,
      }),
      port: count(1)
        .max(65_535, 'must be a port')
        .optional()
        .meta({ description: 'UDP port.', default: defaults.wakePort }),
      every: limited
        .optional()
        .meta({ description: 'Between two packets, as long as it is wanted.', default: '30s' }),
    },
    'must be an object such as { mac: "aa:bb:cc:dd:ee:ff" }',
  )
  .optional()
  .meta({
    description: 'How the machine is switched on by Wake-on-LAN when a request wants it while it is down.',
  })
const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
/** The last label of an IPv4 address is a number. */
const NAME = new RegExp(`^(?!(?:.*\\.)?\\d+\\.?$)${LABEL}(?:\\.${LABEL})*\\.?$`)
export const dnsName = (what: string) => z.string(what).max(254, what).regex(NAME, what)
const dnsNames = (what: string, list: string) => z.array(dnsName(what), list).min(1, 'must not be empty')
const HOST = 'must be a host name such as ml.example, and no address'
const SERVICE = 'must be the name of a service such as _http._tcp.ml.example, or a list of them'
export const discover = z
  .union(
    [
      z.literal('dns'),
      z.strictObject({
        names: dnsNames(HOST, 'must be a list of host names').optional().meta({
          description:
            'Names of hosts, each of whose addresses is an endpoint on the port of `url`; by default the host in `url`, and none with `srv`.',
        }),
        srv: z
          .union([dnsName(SERVICE), dnsNames(SERVICE, SERVICE)], SERVICE)
          .optional()
          .meta({
            description:
              "Names of services, one or a list: their SRV records name hosts and ports. Those of a lower `priority` come first, and the others are used as a higher tier is, but before the backend's next; the `weight` is an endpoint's share of the backend's.",
          }),
        interval: limited.optional().meta({
          description:
            'The longest time between two resolutions; a shorter TTL makes it shorter, down to 1 s.',
          default: '10s',
        }),
      }),
    ],
    'must be "dns", or an object of names, srv, interval',
  )
  .optional()
  .meta({
    description:
      'Its name has many addresses, which come and go, and each of them is a server: `dns` resolves the name in its URL.',
  })
export const retries = z
  .number('must be a whole number')
  .int('must be a whole number')
  .min(0, 'must not be below 0')
  .optional()
  .meta({
    description:
      'Further backends of the route that are tried when one fails, each with the whole request again.',
    default: defaults.retries,
  })

export const queue = z
  .strictObject(
    {
      maxWait: duration.optional().meta({
        description: 'The longest wait for a backend that is full; then the answer is 503.',
        default: '10m',
      }),
      maxLength: count(0).optional().meta({
        description:
          'How many requests may wait for a slot at once, over all routes; further ones get 503. Held requests are not counted, and a request that is retried is never refused.',
        default: defaults.maxLength,
      }),
    },
    'must be an object of maxWait, maxLength',
  )
  .optional()
  .meta({ description: 'How requests wait while every backend that they may go to is full.' })
const PRIORITY = 'must be "interactive", "bulk", or a number of 0 or more'
export const priority = z
  .union([z.enum(['interactive', 'bulk']), z.number().min(0, PRIORITY)], PRIORITY)
  .optional()
  .meta({
    description:
      'How urgent its requests are when they have to wait: `interactive` is 1, `bulk` is 0, and a higher number is more. By default text search is interactive and the rest bulk.',
  })
const AFTER = 'must be a percentile from "p50" to "p99", or a duration such as "300ms"'
export const hedge = z
  .strictObject(
    {
      after: z
        .union(
          [
            z.string().regex(PERCENTILE_PATTERN, AFTER),
            z.string().regex(DURATION_PATTERN, AFTER),
            z.number().positive(AFTER),
          ],
          AFTER,
        )
        .optional()
        .meta({
          title: 'percentile or duration',
          description:
            'When a request is late: a duration such as `300ms`, or a percentile from `p50` to `p99` of the last 100 latencies of jobs of its kind (task, type, model) on the backend that has it. Until 20 of them are known, nothing is late by a percentile.',
          default: defaults.hedgeAfter,
        }),
      max: count(1).optional().meta({
        description: 'Further copies, each `after` later than the one before and on a backend of its own.',
        default: defaults.hedgeMax,
      }),
    },
    'must be an object of after, max',
  )
  .optional()
  .meta({
    description:
      'When a request that is late is sent to another backend as well; the first good answer counts. Never, when not given.',
  })

const ANSWER = 'must be a list of statuses from 400 to 599'
const statuses = (description: string) =>
  z
    .array(z.number(ANSWER).int(ANSWER).min(400, ANSWER).max(599, ANSWER), ANSWER)
    .optional()
    .meta({ description })
export const answers = z
  .strictObject(
    {
      backend: statuses('The backend, or what stands in front of it, is at fault at every job.'),
      type: statuses('The backend is at fault at this task and type.'),
      undecided: statuses(
        'The backend is at fault at this task and type, or the job is: the answer of another backend decides.',
      ),
      job: statuses(
        "The job's fault, confirmed by another backend, where the answer has FastAPI's `detail`.",
      ),
      lacks: statuses('The backend does not have this task and type.'),
      busy: statuses('The backend has no time now.'),
    },
    'must be an object of backend, type, undecided, job, lacks, busy',
  )
  .superRefine((classes, context) => {
    const all = Object.values(classes).flat()
    for (const status of new Set(all.filter((it, i) => all.indexOf(it) !== i)))
      context.addIssue({ code: 'custom', message: `names the status ${status} twice` })
  })
  .optional()
  .meta({
    description:
      'What statuses of answers mean, where that differs from the table in docs/answers.md: lists of statuses from 400 to 599.',
  })
