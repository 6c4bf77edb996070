import * as z from 'zod'
import { DURATION_PATTERN } from './duration.ts'
import { headerMatch, pathMatch } from './head-schema.ts'
import { keepWarm, ownHeartbeat, ownRetries, ownTimeouts, routeHold } from './shared-schema.ts'
import { count, duration, flag, milliseconds, oneOrMany } from './values.ts'

const pattern = z.string().min(1, 'must not be empty')
const patterns = oneOrMany(
  pattern,
  'must be a name or a list of names; * stands for any characters',
).optional()

/**
 * The requests that a route takes. Every given member must match.
 *
 * `task`, `type` and `model` are compared with the entries of the request: each of its tasks must have a matching entry. So
 * `{ type: 'detection' }` takes Immich's face and OCR jobs, which have a detection and a recognition each; and a request
 * with two tasks goes to a route that takes both.
 *
 * A match of `header` and `path` alone takes unclassified requests as well. Any other takes classified requests only.
 */
export const match = z.strictObject(
  {
    /** `clip`, `facial-recognition`, `ocr`, … or a list of them. */
    task: patterns,
    /** `textual`, `visual`, `detection`, `recognition`, … or a list of them. */
    type: patterns,
    /** Model name or a list; `*` stands for any characters: `ViT-*`. */
    model: patterns,
    /** The payload part: `text` or `image`. */
    input: oneOrMany(z.enum(['text', 'image']), 'must be "text", "image" or a list of them').optional(),
    /**
     * Request headers by name, each with its value or a list of values: `{ x-tenant: family }`. Names are case-insensitive,
     * values exact. Each header must match. Values of headers that carry credentials, as their name tells (`authorization`,
     * `x-api-key`), do not appear in names of routes, explanations and logs.
     */
    header: headerMatch.optional(),
    /**
     * Path of the request as the client sent it, or a list; `*` stands for any characters: `/family/predict`, `/family/*`. The
     * router answers only below its own `path`.
     */
    path: pathMatch.optional(),
  },
  'must be an object of task, type, model, input, header, path',
)

/** The names of the strategies. */
export const strategyNames = [
  'first',
  'round-robin',
  'weighted-round-robin',
  'least-conn',
  'peak-ewma',
  'model-affinity',
] as const

const AFTER = 'must be a percentile from "p50" to "p99", or a duration such as "300ms"'
const PERCENTILE = /^p([5-9]\d)$/
export const hedge = z.strictObject(
  {
    /**
     * When a request is late: a duration such as `300ms`, or a percentile from `p50` to `p99` of the last 100 latencies of
     * the same kind of job (task, type, model) on its backend. With fewer than 20 latencies, no request is late.
     */
    after: z
      .union(
        [
          z.string().regex(PERCENTILE, AFTER),
          z.string().regex(DURATION_PATTERN, AFTER),
          z.number().positive(AFTER),
        ],
        AFTER,
      )
      .transform((after): Lateness => {
        const percentile = PERCENTILE.exec(String(after))?.[1]
        return percentile === undefined ? { time: milliseconds(after) } : { percentile: Number(percentile) }
      })
      .meta({ title: 'percentile or duration' })
      // About 5 % more load (Dean and Barroso, The Tail at Scale, https://doi.org/10.1145/2408776.2408794).
      .prefault('p95'),
    /** Most hedges of one request, each `after` later than the one before and on another backend. */
    max: count(1).prefault(1),
  },
  'must be an object of after, max',
)

/** A request is late after so many milliseconds, or after a percentile of the backend's latencies. */
export type Lateness = { readonly time: number } | { readonly percentile: number }

const CACHE_PATH = 'must be the path of a file, such as /data/searches.db'
export const searchCache = z.strictObject(
  {
    /** The file, an SQLite database. Routes may share one: an answer that one has saved answers on the others as well. */
    path: z
      .string(CACHE_PATH)
      .min(1, CACHE_PATH)
      .meta({ examples: ['/data/searches.db'] }),
    /** Answers in the file; the one that was not used for longest is removed first. An answer takes about 12 KB. */
    maxEntries: count(1).prefault(100_000),
    /** For how long an answer is fresh, and answers at once. An older one answers only when no backend can. */
    maxAge: duration.prefault('30d'),
  },
  'must be an object of path, maxEntries, maxAge',
)

const PRIORITY = 'must be "interactive", "bulk", or a number of 0 or more'
export const INTERACTIVE = 1
export const BULK = 0

/** Which requests go to which backends. */
export const route = z.strictObject(
  {
    /** Its name in logs and errors. Without it, the match in words, such as `clip/textual`. */
    name: z.string().min(1, 'must not be empty').optional(),
    /** The requests that it takes. Only the last route has no match: it takes all other requests. */
    match: match.optional(),
    /** Names of backends. Their order matters to the strategy `first`. */
    backends: z
      .array(z.string('must be the name of a backend'), 'must be a list of backend names, such as [gpu]')
      .min(1, 'must name at least one backend'),
    /** How a backend is chosen: a name, or in code a function that makes a strategy. */
    strategy: z.enum(strategyNames).prefault('peak-ewma'),
    ...ownTimeouts,
    ...ownRetries,
    /**
     * How long requests of this route are held while none of its backends is available. A duration sets both classes,
     * `false` turns it off. Members that are left out come from the policy.
     */
    hold: routeHold.optional(),
    /**
     * Whether a request goes to the next best backend when the best is at its limit: the next of the list with `first`,
     * the next tier. Without it, the request is queued.
     */
    spill: flag.prefault(false),
    /**
     * Priority in the queue: `interactive` is 1, `bulk` is 0, and a higher number is more urgent. Without it, text search is
     * interactive and the rest bulk.
     */
    priority: z
      .union([z.enum(['interactive', 'bulk']), z.number().min(0, PRIORITY)], PRIORITY)
      .transform((priority) =>
        typeof priority === 'number' ? priority : priority === 'interactive' ? INTERACTIVE : BULK,
      )
      .optional(),
    ...ownHeartbeat,
    /**
     * Sends a late request to another backend as well; the first good response wins. At most 5 % of the requests are
     * hedged. Without it, none is.
     */
    hedge: hedge.optional(),
    /**
     * Saves the answers of text searches in a file. A search whose answer is saved needs no backend. Served by
     * `@immich-ml-router/search-cache`, which the gateway contains. Without it, no answer is saved.
     */
    searchCache: searchCache.optional(),
    /**
     * Keeps the models of its interactive jobs loaded on its backends: sends a canary when such a model is idle for this time. Use
     * less than the model TTL of the ML server, which is 300 s by default: `4m`. Backends with `wake`, `suspend` or
     * `health: { mode: lazy }` get none. In code, `warmUp()` serves it.
     */
    keepWarm: keepWarm.optional(),
  },
  'must be an object with backends',
)
