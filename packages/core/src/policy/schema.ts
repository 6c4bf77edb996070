import { z } from 'zod'
import { defaults } from '../defaults.ts'
import { type StrategyName, strategies } from '../strategy/strategies.ts'
import { DURATION_PATTERN } from './duration.ts'
import { parseSize, SIZE_PATTERN } from './size.ts'

/** Backend names go into a response header and into logs. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const SIZE = 'must be bytes, a size such as "32mb", or "unlimited"'
const RESERVED: ReadonlySet<string> = new Set(
  [
    'connection',
    'content-encoding',
    'content-length',
    'content-type',
    'date',
    'expect',
    'host',
    'keep-alive',
  ].concat(['te', 'trailer', 'transfer-encoding', 'upgrade', 'set-cookie', 'authorization', 'cookie']),
)
const strategyNames = Object.keys(strategies) as [StrategyName, ...StrategyName[]]

const pattern = z.string().min(1, 'must not be empty')
const patterns = oneOrMany(pattern, 'a name or a list of names; * stands for any characters')

const DURATION = 'must be milliseconds above 0, a duration such as "30s", or "unlimited"'
const duration = z.union(
  [z.number().positive(DURATION), z.string().regex(DURATION_PATTERN, DURATION), z.literal('unlimited')],
  DURATION,
)
const timeouts = z
  .strictObject(
    {
      connect: duration.optional().meta({ description: 'To open a connection.', default: '2s' }),
      response: duration
        .optional()
        .meta({ description: 'From the request to the first of the response.', default: '10m' }),
      idle: duration.optional().meta({ description: 'Between two pieces of the response.', default: '2m' }),
      total: duration.optional().meta({ description: 'For all attempts together.', default: 'unlimited' }),
    },
    'must be an object of connect, response, idle, total',
  )
  .optional()
  .meta({
    description:
      'How long each part of a request may take: milliseconds, "250ms", "30s", "10m", "unlimited".',
  })
const limited = duration.refine((written) => written !== 'unlimited', 'must have an end')
const count = (least: number) => {
  const what = `must be a whole number of ${least} or more`
  return z.number(what).int(what).min(least, what)
}
const EJECTING = 'must be 500 to 599 but for 501, which says that a task is missing'
const health = z
  .union(
    [
      z.literal(false),
      z.strictObject({
        path: z
          .string()
          .regex(/^\/[\x21-\x7e]*$/, 'must begin with / and have no spaces')
          .optional()
          .meta({ description: 'Path of the probe below the base URL.', default: defaults.healthPath }),
        interval: limited.optional().meta({ description: 'Between two probes.', default: '10s' }),
        timeout: limited.optional().meta({ description: 'For a probe to be answered.', default: '2s' }),
        rise: count(1).optional().meta({
          description: 'Answers in a row after which a backend is up.',
          default: defaults.healthRise,
        }),
        fall: count(1).optional().meta({
          description: 'Failed probes in a row after which a backend is down.',
          default: defaults.healthFall,
        }),
        ejectOn: z
          .array(
            z
              .number(EJECTING)
              .int(EJECTING)
              .min(500, EJECTING)
              .max(599, EJECTING)
              .refine((status) => status !== 501, EJECTING),
          )
          .optional()
          .meta({
            description: 'Statuses that count as a failure of the backend.',
            default: defaults.ejectingStatuses,
          }),
      }),
    ],
    'must be false or an object of path, interval, timeout, rise, fall, ejectOn',
  )
  .optional()
  .meta({ description: 'How backends are probed; false for not at all.' })
const heartbeat = z
  .union(
    [
      z.literal(false),
      z.strictObject({
        after: limited
          .optional()
          .meta({ description: 'How long a client waits for its first sign of life.', default: '120s' }),
        every: limited.optional().meta({ description: 'Between two signs of life.', default: '30s' }),
      }),
    ],
    'must be false or an object of after, every',
  )
  .optional()
  .meta({ description: 'What keeps a waiting client from giving up; false for nothing.' })
const whenUnavailable = z
  .strictObject(
    {
      hold: duration.meta({ description: 'The longest wait for a backend that can be used.' }),
      maxHeld: count(1)
        .optional()
        .meta({ description: 'How many may wait at once.', default: defaults.maxHeld }),
    },
    'must be an object such as { hold: 12h }',
  )
  .optional()
  .meta({ description: 'What happens while no backend of the route can be used.' })
const wake = z
  .strictObject(
    {
      mac: z
        .string('must be a MAC address such as aa:bb:cc:dd:ee:ff')
        .regex(/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i, 'must be a MAC address such as aa:bb:cc:dd:ee:ff')
        .meta({ description: 'MAC address of the machine.' }),
      broadcast: z
        .string()
        .regex(/^\d{1,3}(\.\d{1,3}){3}$/, 'must be an IPv4 address such as 192.168.1.255')
        .optional()
        .meta({ description: "Address of the machine's network.", default: defaults.wakeBroadcast }),
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
  .meta({ description: 'How the machine is switched on by Wake-on-LAN when a request wants it.' })
const retries = z
  .number('must be a whole number')
  .int('must be a whole number')
  .min(0, 'must not be below 0')
  .optional()
  .meta({ description: 'Further backends that are tried when one fails.', default: defaults.retries })

const backend = z
  .strictObject(
    {
      url: z
        .string('must be a URL such as http://192.168.1.20:3003')
        .superRefine(checkUrl)
        .meta({
          description: 'Base URL of the ML server; /predict is appended to its path.',
          examples: ['http://gpu:3003'],
        }),
      weight: z
        .number('must be a number above 0')
        .positive('must be a number above 0')
        .optional()
        .meta({ description: 'Share in the weighted strategies.', default: defaults.weight }),
      timeouts,
      tasks: z
        .array(z.string().min(1, 'must not be empty'), 'must be a list of tasks')
        .min(1, 'must name at least one task')
        .optional()
        .meta({ description: 'The tasks that it serves; all, when not given.' }),
      health,
      wake,
    },
    'must be an object such as { url: http://gpu:3003 }',
  )
  .meta({ description: 'One ML server.' })

const match = z
  .strictObject(
    {
      task: patterns.optional().meta({ description: 'clip, facial-recognition, ocr, … or a list of them.' }),
      type: patterns
        .optional()
        .meta({ description: 'textual, visual, detection, recognition, … or a list of them.' }),
      model: patterns
        .optional()
        .meta({ description: "Model name or a list; * stands for any characters: 'ViT-*'." }),
      input: oneOrMany(z.enum(['text', 'image']), '"text", "image" or a list of them')
        .optional()
        .meta({ description: 'The payload part: text or image.' }),
    },
    'must be an object of task, type, model, input',
  )
  .meta({ description: 'What the route takes: every member that is given must fit.' })

const route = z
  .strictObject(
    {
      name: z
        .string()
        .min(1, 'must not be empty')
        .optional()
        .meta({ description: 'Name in logs and errors.' }),
      match: match.optional(),
      backends: z
        .array(z.string('must be the name of a backend'), 'must be a list of backend names')
        .min(1, 'must name at least one backend')
        .meta({ description: 'Names of backends; the order matters to the strategy "first".' }),
      strategy: z
        .enum(strategyNames)
        .optional()
        .meta({ description: 'How a backend is chosen.', default: defaults.strategy }),
      timeouts,
      retries,
      whenUnavailable,
      heartbeat,
    },
    'must be an object with backends',
  )
  .meta({ description: 'Which requests go to which backends.' })

const policyShape = {
  backends: z
    .record(
      z.string().regex(NAME, 'must be letters, digits, ".", "_" or "-", 64 at most'),
      backend,
      'must be an object of backends by name',
    )
    .meta({ description: 'The ML servers by name.' }),
  routes: z
    .array(route, 'must be a list of routes')
    .min(1, 'must have at least one route')
    .optional()
    .meta({ description: 'In order: the first that matches takes the request; the last has no match.' }),
  timeouts,
  retries,
  health,
  heartbeat,
}

/** A policy as data. */
export const policySchema = z
  .strictObject(policyShape, 'must be an object with backends and routes')
  .meta({ title: 'immich-ml-router policy' })

const size = z
  .union(
    [z.number().int(SIZE).positive(SIZE), z.string().regex(SIZE_PATTERN, SIZE), z.literal('unlimited')],
    SIZE,
  )
  .superRefine((written, context) => {
    if (parseSize(written) === 0) context.addIssue({ code: 'custom', message: 'must be above 0' })
  })

/** A header that the router may set without breaking the message that it is in. */
const ownHeader = (otherwise: string) =>
  z
    .string(otherwise)
    .regex(HEADER, otherwise)
    .refine(
      (name) => !RESERVED.has(name.toLowerCase()),
      'must not be a header that frames or describes the message',
    )

const exchangeShape = {
  maxBodySize: size.optional().meta({
    description: 'Largest predict request, in bytes or as 32mb, or "unlimited"; larger ones get 413.',
    default: '32mb',
  }),
  onUnclassified: z.enum(['route', 'reject']).optional().meta({
    description: 'A request whose job is not known: to the default route, or 422.',
    default: defaults.onUnclassified,
  }),
  bodyMemory: size.optional().meta({
    description: 'How much of a request is retained in memory for another attempt; the rest goes to disk.',
    default: '1mb',
  }),
  totalBodyMemory: size
    .optional()
    .meta({ description: 'How much of all requests together is retained in memory.', default: '256mb' }),
  bodySpool: z
    .union([z.boolean(), z.string().min(1)], 'must be true, false or a directory')
    .optional()
    .meta({
      description: 'Whether what does not fit into memory goes to a temp file, or the directory for it.',
      default: defaults.bodySpool,
    }),
}

const forwardShape = {
  backendHeader: z
    .union(
      [ownHeader('must be a header name, or false'), z.literal(false)],
      'must be a header name, or false',
    )
    .optional()
    .meta({
      description: 'Response header with the name of the backend; false for none.',
      default: defaults.backendHeader,
    }),
  upstreamHeader: ownHeader('must be a header name').optional().meta({
    description: 'Request header that tells the backend its own URL, such as X-Upstream; none by default.',
  }),
  forwardHeaders: z
    .array(z.string().regex(HEADER, 'must be a header name'), 'must be a list of header names')
    .optional()
    .meta({
      description:
        'Client headers to pass on that are kept back by default: authorization, cookie, forwarded, x-forwarded-*, x-real-ip.',
    }),
}

/** The options of classifying, on their own. */
export const exchangeSchema = z.strictObject(exchangeShape, 'must be an object of options')

/** The options of forwarding that are data, on their own. */
export const forwardSchema = z.strictObject(forwardShape, 'must be an object of options')

/** Everything that a configuration file can say. */
export const configSchema = z
  .strictObject(
    {
      $schema: z.string().optional().meta({ description: 'Where editors find this schema.' }),
      ...policyShape,
      ...exchangeShape,
      ...forwardShape,
    },
    'must be an object with backends and routes',
  )
  .meta({ title: 'immich-ml-router configuration' })

function oneOrMany<T extends z.ZodType>(one: T, what: string) {
  return z.union([one, z.array(one).min(1)], `must be ${what}`)
}

function checkUrl(text: string, context: z.RefinementCtx<string>): void {
  const problem = urlProblem(text)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
}

function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL such as http://192.168.1.20:3003'
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `must begin with http:// or https://, not ${url.protocol}`
  if (url.search !== '' || url.hash !== '') return 'must have no query and no fragment'
  try {
    decodeURIComponent(url.username + url.password)
    return undefined
  } catch {
    return 'must have its user name and password percent-encoded'
  }
}
