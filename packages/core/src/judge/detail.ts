import { isRecord } from '../record.ts'
import type { Asked } from './backend-answer.ts'

/** The message of a JSON error body. */
export interface ErrorBody {
  /** FastAPI's `detail`. Without it, the answer comes from a proxy. */
  readonly detail: string | undefined
  /** The `detail`, or `error` or `message` of other servers. */
  readonly text: string
}

/**
 * Reads FastAPI's `detail`: a text, or a list of validation errors, each with a `msg`. Their `input` is ignored because it
 * repeats the client's data. Bodies over 32 KiB are ignored.
 */
export function readErrorBody(body: Buffer): ErrorBody {
  const json = body.length > LARGEST_ERROR ? undefined : parse(body)
  if (!isRecord(json)) return { detail: undefined, text: '' }
  const { detail: own, error, message } = json
  const detail =
    typeof own === 'string' ? own : Array.isArray(own) ? own.map(messageOf).join('. ') : undefined
  const other = [error, message].find((text) => typeof text === 'string')
  return { detail, text: detail ?? (typeof other === 'string' ? other : '') }
}

/** Bounds the time to parse and search. FastAPI's errors are under 1 KiB. */
const LARGEST_ERROR = 32 * 1024

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

function messageOf(item: unknown): string {
  const text = isRecord(item) ? item['msg'] : item
  return typeof text === 'string' ? text : ''
}

const MISSING =
  'unknown|unsupported|unrecogni[sz]ed|invalid|unavailable|not (?:supported|implemented|available|enabled|found|loaded)|no such|does not exist'

/** Matches "Unknown task: ocr", "model 'buffalo_l' is not supported", "unsupported model type visual". */
function missing(word: string): RegExp {
  return new RegExp(
    `\\b(?:${MISSING})\\b[^.]{0,40}\\b(?:${word})\\b|\\b(?:${word})\\b[^.]{0,80}\\b(?:${MISSING})\\b`,
    'i',
  )
}

const LACKS_TYPE = missing('tasks?|(?:model|task) types?')
const LACKS_MODEL = missing('models?')

/** Finds out whether an error says that the task and type, or the model, is unknown. Ignores the client's own words. */
export function missingCapability(text: string, asked: Asked): 'type' | 'model' | undefined {
  const own = withoutNames(text, asked)
  for (const [what, pattern] of [
    ['type', LACKS_TYPE],
    ['model', LACKS_MODEL],
  ] as const) {
    const found = pattern.exec(own)?.[0]
    // A phrase that the request contains as well may be an echo.
    if (found !== undefined && !asked.written().toLowerCase().includes(found.toLowerCase())) return what
  }
  return undefined
}

/** Names that are removed from an answer. Immich's requests have fewer than ten. */
const MOST_NAMES = 1_000

/** Removes the request's names, longest first so that no part of a name remains. With too many names, ignores the answer. */
function withoutNames(text: string, { names }: Asked): string {
  const strings = [...new Set(names())].filter(({ length }) => length > 0).sort((a, b) => b.length - a.length)
  if (strings.length > MOST_NAMES) return ''
  return strings.reduce((rest, name) => rest.replaceAll(name, "''"), text)
}
