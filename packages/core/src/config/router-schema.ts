import * as z from 'zod'
import { backend } from './backend-schema.ts'
import { FRAMING, isSecretHeader, NOT_FRAMING } from './header-names.ts'
import { immich } from './immich-schema.ts'
import { route } from './route-schema.ts'
import { ownHealth, ownHeartbeat, ownRetries, ownTimeouts, policyHold, queue } from './shared-schema.ts'
import { count, headerName, oneOrMany, size } from './values.ts'

/** Backend names appear in a response header and in logs. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const RESERVED: ReadonlySet<string> = new Set([...FRAMING, 'authorization', 'cookie', 'date', 'set-cookie'])
/** A header that the router may set without breaking the message. */
const ownHeader = (what: string) =>
  headerName(what).refine((name) => !RESERVED.has(name.toLowerCase()), NOT_FRAMING)

const TENANT = 'must be an object of header'
const SECRET_TENANT = 'must not be a header with credentials: tenants appear in logs and metrics'
const tenant = z.strictObject(
  {
    /** The header, such as `x-tenant`. Set it in a proxy that clients cannot bypass: a client that makes up names gets more turns. */
    header: headerName('must be a header name').refine((name) => !isSecretHeader(name), SECRET_TENANT),
  },
  TENANT,
)

const policyShape = {
  /** The ML servers by name; a name is letters, digits, `.`, `_`, `-`. */
  backends: z.record(
    z.string().regex(NAME, 'must be letters, digits, ".", "_" or "-", 64 at most'),
    backend,
    'must be an object of backends by name, such as { gpu: { url: http://gpu:3003 } }',
  ),
  /**
   * In order: the first route that matches takes the request. The last has no `match` and takes the rest. Without it, one
   * route to every backend.
   */
  routes: z
    .array(route, 'must be a list of routes, such as [{ backends: [gpu] }]')
    .min(1, 'must have at least one route')
    .optional(),
  ...ownTimeouts,
  ...ownRetries,
  /** How requests are queued while every backend of their route is at its limit. */
  queue: queue.optional(),
  /**
   * Tenant of a request: the value of a request header, or in code a function. Within one priority, tenants take turns in the
   * queue, so the import of one does not delay the others. All requests without a tenant count as one tenant. Without this
   * option, client addresses take turns.
   */
  tenant: tenant.optional(),
  /**
   * How long requests are held while no backend of their route is available. A duration sets both classes. `false` turns it
   * off: then Immich tries its next URL.
   */
  hold: policyHold.optional(),
  ...ownHealth,
  /**
   * Whether the router asks a backend itself when a job fails there: a request of its own (a canary) tells whether the job or
   * the backend is at fault.
   */
  canary: z.boolean('must be true or false').prefault(true),
  ...ownHeartbeat,
}

/** How much of a request is read to classify it. Each default is far above what Immich sends. */
export const limits = z.strictObject(
  {
    /** Size of the `entries` field. Immich sends less than 1 KiB. */
    entriesSize: size.prefault('64kb'),
    /** Entries in the JSON of the `entries` field: its types, over all tasks. Immich sends one or two. */
    entries: count(1).prefault(64),
    /** Characters of a task, type or model name. */
    nameLength: count(1).prefault(256),
    /** Levels of objects and arrays in the JSON. An entry takes 3, its options 1 more. */
    jsonDepth: count(3).prefault(32),
    /** Values in the JSON: strings, numbers, literals, objects and arrays. */
    jsonValues: count(4).prefault(1_024),
    // Starlette's max_fields and max_files.
    /** Fields of the form, and as many files. The ML server takes 1,000 of each. */
    parts: count(1).prefault(1_000),
    // python-multipart's DEFAULT_MAX_HEADER_COUNT and DEFAULT_MAX_HEADER_SIZE.
    /** Header lines of one part. The ML server takes 8. */
    partHeaders: count(1).prefault(8),
    /** Size of one header line of a part. The ML server takes 4,224 bytes. */
    partHeaderSize: size.prefault(4_224),
    /** Parameters of `Content-Type`, and of the `Content-Disposition` of a part. */
    headerParameters: count(1).prefault(16),
  },
  'must be an object of limits',
)

const SPOOL = 'must be true, false or a directory'
const exchangeShape = {
  /** Largest request: bytes, `32mb`, `32MiB`, `32m` (all powers of 1024), or `unlimited`. Larger ones get 413. */
  maxBodySize: size.prefault('32mb'),
  /** An unclassified request: `route` sends it to the last route, `reject` answers 422. */
  onUnclassified: z.enum(['route', 'reject']).prefault('route'),
  /**
   * How much of a request is read to classify it. A request beyond a limit is unclassified and goes to the last route.
   */
  limits: limits.optional(),
  /**
   * How much of a request is kept in memory for another attempt. Larger bodies spill to disk unless the shared buffer
   * (32 × `bodyMemory`) has room.
   */
  bodyMemory: size.prefault('1mb'),
  /** How much of all requests together is kept in memory, overhead included. */
  totalBodyMemory: size.prefault('256mb'),
  /**
   * Whether bodies that do not fit into memory spill to a temp file, or the directory for it. A directory in memory (often
   * `/tmp`) is of little use. With `false`, or a full disk, such a request is forwarded once, and a waiting one stays in
   * memory.
   */
  bodySpool: z.union([z.boolean(), z.string().regex(/./, SPOOL)], SPOOL).prefault(true),
  /**
   * Which responses explain the routing decision in `x-immich-ml-route`: those to requests with `x-immich-ml-explain: 1`,
   * all, or none.
   */
  explainHeader: z
    .union([z.enum(['on-request', 'always']), z.literal(false)], 'must be on-request, always, or false')
    .prefault('on-request'),
}

const ANSWER = 'must be a list of statuses from 400 to 599'
const statuses = z.array(z.number(ANSWER).int(ANSWER).min(400, ANSWER).max(599, ANSWER), ANSWER).optional()
export const answers = z
  .strictObject(
    {
      /** The backend, or a proxy in front of it, fails at every job. */
      backend: statuses,
      /** The backend fails at this task and type. */
      type: statuses,
      /** The backend fails at this task and type, or the job is at fault: the response of another backend decides. */
      undecided: statuses,
      /** The job is at fault if another backend confirms it, where the response has FastAPI's `detail`. */
      job: statuses,
      /** The backend does not have this task and type. */
      lacks: statuses,
      /** The backend is busy. */
      busy: statuses,
    },
    'must be an object of backend, type, undecided, job, lacks, busy',
  )
  .superRefine((classes, context) => {
    const all = Object.values(classes).flat()
    for (const status of new Set(all.filter((it, i) => all.indexOf(it) !== i)))
      context.addIssue({ code: 'custom', message: `names the status ${status} twice` })
  })

const forwardShape = {
  /**
   * How requests reach backends. `http-proxy-3` fires the events of `proxy` and applies its options; `direct` does not load
   * http-proxy-3, which saves CPU time, and takes only `ssl`, `ca`, `secure`, `headers` and `auth` of `proxy`.
   */
  transport: z.enum(['http-proxy-3', 'direct']).prefault('http-proxy-3'),
  /** Response header with the name of the backend; `false` for none. */
  backendHeader: z
    .union(
      [ownHeader('must be a header name, or false'), z.literal(false)],
      'must be a header name, or false',
    )
    .prefault('x-immich-ml-backend'),
  /**
   * What statuses mean, where that differs from the table in docs/answers.md: lists of statuses from 400 to 599.
   */
  answers: answers.optional(),
  /**
   * Most bytes of one response that are kept until it is complete and judged. A larger one is judged by its beginning and
   * streamed from there on. They count in `totalBodyMemory`.
   */
  answerMemory: size.prefault('1mb'),
  /** Request header that tells a backend its own URL, such as `X-Upstream`. Without it, none. */
  upstreamHeader: ownHeader('must be a header name')
    .transform((name) => name.toLowerCase())
    .optional(),
  /**
   * Client headers to pass on that are removed otherwise: `authorization`, `cookie`, `forwarded`, `x-forwarded-*`,
   * `x-real-ip`. A name does not include its variants, such as `X_Forwarded_For`.
   */
  forwardHeaders: z
    .array(
      headerName('must be a header name').transform((name) => name.toLowerCase()),
      'must be a list of header names',
    )
    .prefault([]),
}

const PATH = 'must be a path such as "/ml", or a list of paths'
const basePath = z
  .string(PATH)
  .regex(/^\/[^?#\s]*$/, PATH)
  .transform((path) => path.replace(/\/+$/, ''))
const routerShape = {
  /**
   * Base path of the router, or a list: with `/ml`, it answers `/ml/predict` and `/ml/ping`, and nothing else. It is appended to
   * the path that a framework mounts the middleware on. Immich 3 keeps the path of a URL that ends in `/`, such as
   * `http://gateway:3003/ml/`. With several, `match.path` tells them apart.
   */
  path: oneOrMany(basePath, PATH).prefault('/'),
}

const moduleShape = {
  /**
   * Reads, heals and pauses Immich's job queues, in the package `@immich-ml-router/immich`. Without it, the router asks Immich
   * nothing.
   */
  immich: immich.optional(),
  /**
   * Compares the answers of backends that serve the same model on one route, with requests of its own. If they disagree,
   * `warn` warns, and `exclude` also keeps the model from the minority, or without a majority from all but the first of the
   * route. Needs `canary`. Served by `watchAgreement()` of `@immich-ml-router/core/agreement`, which the gateway calls.
   */
  agreement: z.enum(['warn', 'exclude', 'off'], 'must be warn, exclude or off').prefault('warn'),
}

/** A policy: the backends and, in order, the routes. */
export const policySchema = z
  .strictObject(policyShape, 'must be an object with backends and routes')
  .meta({ title: 'immich-ml-router policy' })
/** The options of `classifyPredict()` that are data. */
export const exchangeSchema = z.strictObject(exchangeShape, 'must be an object of options')
/** The options of `forward()` that are data. */
export const forwardSchema = z.strictObject(forwardShape, 'must be an object of options')
/** The options of modules that are attached to a router. */
export const moduleSchema = z.strictObject(moduleShape, 'must be an object of options')
/** Everything that a configuration file can say. */
export const configSchema = z
  .strictObject(
    {
      /** Where editors find this schema. */
      $schema: z.string().optional(),
      ...policyShape,
      ...routerShape,
      ...exchangeShape,
      ...forwardShape,
      ...moduleShape,
    },
    'must be an object with backends and routes',
  )
  .meta({ title: 'immich-ml-router configuration' })
