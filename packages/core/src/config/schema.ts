import { z } from 'zod'
import { type StrategyName, strategies } from '../balance/strategies.ts'
import { auth, headers, tls } from './connection-schema.ts'
import { defaults } from './defaults.ts'
import { FRAMING, HEADER_NAME, NOT_FRAMING } from './header-names.ts'
import { hold, policyHold } from './hold-schema.ts'
import { limits } from './limits-schema.ts'
import {
  answers,
  count,
  discover,
  health,
  heartbeat,
  hedge,
  maxConcurrent,
  priority,
  queue,
  reserve,
  retries,
  timeouts,
  wake,
} from './schema-parts.ts'
import { size } from './size-schema.ts'

/** Backend names go into a response header and into logs. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const RESERVED: ReadonlySet<string> = new Set([...FRAMING, 'authorization', 'cookie', 'date', 'set-cookie'])
const strategyNames = Object.keys(strategies) as [StrategyName, ...StrategyName[]]

const pattern = z.string().min(1, 'must not be empty')
const patterns = oneOrMany(pattern, 'a name or a list of names; * stands for any characters')

const backend = z
  .strictObject(
    {
      url: z
        .string('must be a URL such as http://192.168.1.20:3003')
        .superRefine(checkUrl)
        .meta({
          description:
            'Base URL; `/predict` is appended to its path. User name and password in it become basic authentication for this backend alone, and stand in no log; the rest of it is no secret.',
          examples: ['http://gpu:3003'],
        }),
      weight: z
        .number('must be a number above 0')
        .positive('must be a number above 0')
        .optional()
        .meta({ description: 'Its share in the weighted strategies, above 0.', default: defaults.weight }),
      tier: count(1).optional().meta({
        description:
          'Backends of a higher tier are used only when none of a lower one is there. One that is full is there.',
        default: defaults.tier,
      }),
      headers,
      auth,
      tls,
      timeouts,
      tasks: z
        .array(
          z.string().regex(/^[^*]+$/, 'must be the name of a task, without *'),
          'must be a list of tasks',
        )
        .min(1, 'must name at least one task')
        .optional()
        .meta({
          description:
            'The tasks that it serves, such as `[clip]`; a request with another task never goes there, nor one whose tasks are unknown. All, when not given.',
        }),
      unclassified: z.boolean('must be true or false').optional().meta({
        description:
          'Whether a backend with `tasks` takes requests whose job is not known. The ML server may read another task in them.',
        default: false,
      }),
      maxConcurrent,
      reserve,
      health,
      wake,
      discover,
    },
    'must be an object such as { url: http://gpu:3003 }',
  )
  .meta({ description: 'One ML server.' })

const match = z
  .strictObject(
    {
      task: patterns
        .optional()
        .meta({ description: '`clip`, `facial-recognition`, `ocr`, … or a list of them.' }),
      type: patterns
        .optional()
        .meta({ description: '`textual`, `visual`, `detection`, `recognition`, … or a list of them.' }),
      model: patterns
        .optional()
        .meta({ description: 'Model name or a list; `*` stands for any characters: `ViT-*`.' }),
      input: oneOrMany(z.enum(['text', 'image']), '"text", "image" or a list of them')
        .optional()
        .meta({ description: 'The payload part: `text` or `image`.' }),
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
        .meta({ description: 'The name in logs and errors; by default the match in words.' }),
      match: match.optional(),
      backends: z
        .array(z.string('must be the name of a backend'), 'must be a list of backend names')
        .min(1, 'must name at least one backend')
        .meta({ description: 'Names of backends; the order matters to the strategy `first`.' }),
      strategy: z
        .enum(strategyNames)
        .optional()
        .meta({ description: 'How a backend is chosen.', default: defaults.strategy }),
      timeouts,
      retries,
      hold,
      spill: z.boolean('must be true or false').optional().meta({
        description:
          'Whether a request goes to the next best backend when the best is full: the next of the list with `first`, the next tier. Without it, the request waits.',
        default: defaults.spill,
      }),
      priority,
      heartbeat,
      hedge,
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
    .meta({ description: 'The ML servers by name; a name is letters, digits, `.`, `_`, `-`.' }),
  routes: z.array(route, 'must be a list of routes').min(1, 'must have at least one route').optional().meta({
    description:
      'In order: the first that matches takes the request; the last has no `match` and takes the rest. By default one route to every backend.',
  }),
  timeouts,
  retries,
  queue,
  hold: policyHold,
  health,
  heartbeat,
}

/** A policy as data. */
export const policySchema = z
  .strictObject(policyShape, 'must be an object with backends and routes')
  .meta({ title: 'immich-ml-router policy' })

/** A header that the router may set without breaking the message that it is in. */
const ownHeader = (otherwise: string) =>
  z
    .string(otherwise)
    .regex(HEADER_NAME, otherwise)
    .refine((name) => !RESERVED.has(name.toLowerCase()), NOT_FRAMING)

const SPOOL = 'must be true, false or a directory'
const exchangeShape = {
  maxBodySize: size.optional().meta({
    description:
      'Largest request: bytes, `32mb`, `32MiB`, `32m` (all powers of 1024), or `unlimited`; larger ones get 413.',
    default: '32mb',
  }),
  onUnclassified: z.enum(['route', 'reject']).optional().meta({
    description:
      'A request whose job is not known: `route` sends it to the last route, `reject` answers 422.',
    default: defaults.onUnclassified,
  }),
  limits: limits.optional(),
  bodyMemory: size.optional().meta({
    description:
      'How much of a request is retained in memory for another attempt. A larger one goes to disk, unless it is no larger than what all requests leave free of 32 times as much.',
    default: '1mb',
  }),
  totalBodyMemory: size.optional().meta({
    description: 'How much of all requests together is retained in memory, with what it costs to keep it.',
    default: '256mb',
  }),
  bodySpool: z
    .union([z.boolean(), z.string().regex(/./, SPOOL)], SPOOL)
    .optional()
    .meta({
      description:
        'Whether what does not fit into memory goes to a temp file, or the directory for it. A directory in memory (often `/tmp`) is of little use; with `false`, or a full disk, such a request is forwarded once, and one that waits stays in memory.',
      default: defaults.bodySpool,
    }),
  explainHeader: z
    .union([z.enum(['on-request', 'always']), z.literal(false)], 'must be on-request, always, or false')
    .optional()
    .meta({
      description:
        'Which responses say in x-immich-ml-route what was decided, and why: those to requests with x-immich-ml-explain: 1, all, or none.',
      default: defaults.explainHeader,
    }),
}

const forwardShape = {
  transport: z.enum(['http-proxy-3', 'direct']).optional().meta({
    description: 'How requests reach backends: through http-proxy-3, or directly, which takes less CPU time.',
    default: defaults.transport,
  }),
  backendHeader: z
    .union(
      [ownHeader('must be a header name, or false'), z.literal(false)],
      'must be a header name, or false',
    )
    .optional()
    .meta({
      description: 'Response header with the name of the backend; `false` for none.',
      default: defaults.backendHeader,
    }),
  answers,
  answerMemory: size.optional().meta({
    description:
      'Most bytes of one answer that are kept until it is complete and judged; a larger one is judged by its beginning and streamed from there on. They count in `totalBodyMemory`.',
    default: '1mb',
  }),
  upstreamHeader: ownHeader('must be a header name').optional().meta({
    description: 'Request header that tells a backend its own URL, such as `X-Upstream`; none by default.',
  }),
  forwardHeaders: z
    .array(z.string().regex(HEADER_NAME, 'must be a header name'), 'must be a list of header names')
    .optional()
    .meta({
      description:
        'Client headers to pass on that are kept back otherwise: `authorization`, `cookie`, `forwarded`, `x-forwarded-*`, `x-real-ip`. Such a name does not admit its twins, such as `X_Forwarded_For`.',
    }),
}

const PATH = 'must be a path such as "/ml"'
const routerShape = {
  path: z
    .string(PATH)
    .regex(/^\/[^?#\s]*$/, PATH)
    .optional()
    .meta({
      description:
        'Base path of the router: with `/ml`, it answers `/ml/predict` and `/ml/ping`, and nothing else. Immich 3 keeps the path of a URL that ends in `/`, such as `http://gateway:3003/ml/`.',
      default: defaults.path,
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
      ...routerShape,
      ...exchangeShape,
      ...forwardShape,
    },
    'must be an object with backends and routes',
  )
  .meta({ title: 'immich-ml-router configuration' })

function oneOrMany<T extends z.ZodType>(one: T, what: string) {
  return z.union([one, z.array(one).min(1, 'must not be empty')], `must be ${what}`)
}

function checkUrl(text: string, context: z.RefinementCtx<string>): void {
  const problem = urlProblem(text)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
}

function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL such as http://192.168.1.20:3003'
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must begin with http:// or https://'
  if (url.search !== '' || url.hash !== '') return 'must have no query and no fragment'
  try {
    decodeURIComponent(url.username + url.password)
    return undefined
  } catch {
    return 'must have its user name and password percent-encoded'
  }
}
