import type { Classification } from '@immich-ml-router/core'
import type { Classified, UnclassifiedReason } from '@immich-ml-router/core/parts'
import type { GeneratedRequest } from './generate.ts'
import type { Reading } from './oracle.ts'

/**
 * The intended differences between the router and the ML server: the rows of the table in docs/how-it-decides.md. In all but the
 * last, the ML server runs a request that the router leaves unclassified.
 */
export const DIFFERENCES = {
  encoded: ['content-encoded'],
  charset: ['unknown-charset'],
  limits: [
    'too-large-entries',
    'too-many-entries',
    'too-long-name',
    'too-deep-entries',
    'too-many-values',
    'too-many-header-parameters',
  ],
  'no-jobs': ['invalid-entries'],
  preamble: ['malformed-multipart'],
  'behind-the-image': [],
} as const satisfies Record<string, readonly UnclassifiedReason[]>

export type Difference = keyof typeof DIFFERENCES

const DIFFERENCE_NAMES = Object.keys(DIFFERENCES) as Difference[]

/**
 * - `same-job`: both read the same job.
 * - `no-job`: the server runs no job, and the router finds none.
 * - `refused`: the server refuses a request in which the router finds a job.
 * - the name of an intended difference.
 * - `wrong`: any other difference, in words.
 */
export type Comparison = 'same-job' | 'no-job' | 'refused' | Difference | { readonly wrong: string }

export function compare(
  request: GeneratedRequest,
  reading: Reading,
  classification: Classification,
): Comparison {
  const { jobs, input, items = [] } = reading
  if (jobs === undefined) return classification.classified ? 'refused' : 'no-job'
  const wrong = classification.classified
    ? mismatch(jobs, input, classification)
    : reasonMismatch(request, jobs, classification.reason)
  if (typeof wrong === 'string') return wrong
  return isDecidedAtImage(items, classification) ? 'behind-the-image' : wrong
}

function mismatch(
  jobs: NonNullable<Reading['jobs']>,
  input: Reading['input'],
  { entries, ...ours }: Classified,
) {
  const theirs = JSON.stringify([
    jobs.map(([task, type, model, options]) => [task, type, model, plain(options)]).sort(),
    input,
  ])
  const read = JSON.stringify([
    entries.map(({ task, type, model, options }) => [task, type, model, options]).sort(),
    ours.input,
  ])
  return theirs === read ? 'same-job' : { wrong: `the server runs ${theirs}, the router reads ${read}` }
}

function reasonMismatch(
  request: GeneratedRequest,
  { length }: NonNullable<Reading['jobs']>,
  reason: UnclassifiedReason,
) {
  const difference = DIFFERENCE_NAMES.find((name) =>
    (DIFFERENCES[name] as readonly UnclassifiedReason[]).includes(reason),
  )
  const isReal =
    difference === 'no-jobs' ? length === 0 : difference === 'preamble' ? hasPreamble(request) : true
  if (difference !== undefined && isReal) return difference
  return { wrong: `the server runs ${length} jobs, the router reads none (${reason})` }
}

/** Text between a line end and the first boundary. Whether the server skips it depends on the chunks of the body. */
function hasPreamble({ chunks }: GeneratedRequest): boolean {
  return /^[\r\n]+(?!--)/.test(Buffer.concat(chunks).toString('latin1'))
}

/** Whether the router decided at the header of an image, and a relevant field follows it or the image is incomplete. */
function isDecidedAtImage(items: NonNullable<Reading['items']>, classification: Classification): boolean {
  let entries: string | undefined
  for (const [at, [name, kind]] of items.entries()) {
    if (name === 'entries') entries = kind
    if (name === 'image' && kind === 'file' && entries !== undefined && entries !== 'file')
      return items
        .slice(at + 1)
        .some(([later]) => later === 'entries' || later === 'image' || later === 'text')
  }
  return (
    classification.input === 'image' && !items.some(([name, kind]) => name === 'image' && kind === 'file')
  )
}

/** The router reads options that are not an object as no options. */
function plain(options: unknown): unknown {
  return typeof options === 'object' && options !== null && !Array.isArray(options) ? options : {}
}
