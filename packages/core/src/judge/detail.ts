import { isRecord } from '../record.ts'
import type { Asked } from './backend-answer.ts'

/** What the JSON body of an error says. */
export interface ErrorBody {
  /** FastAPI's `detail`; `undefined` without one: then the answer comes from a proxy. */
  readonly detail: string | undefined
  /** The `detail`, or what other servers write in its place. */
  readonly text: string
}

/**
 * Reads FastAPI's `detail`: a text, or a list of validation errors with a `msg` each. Their `input` is left out, since it
 * repeats what the client sent. A body over 32 KiB says nothing.
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

/** Parsing more, and searching it, would delay others. FastAPI's errors are below 1 KiB. */
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

/** Such as "Unknown task: ocr", "model 'buffalo_l' is not supported", "unsupported model type visual". */
function lacking(word: string): RegExp {
  return new RegExp(
    `\\b(?:${MISSING})\\b[^.]{0,40}\\b(?:${word})\\b|\\b(?:${word})\\b[^.]{0,80}\\b(?:${MISSING})\\b`,
    'i',
  )
}

const LACKS_TYPE = lacking('tasks?|(?:model|task) types?')
const LACKS_MODEL = lacking('models?')

/** Whether an error says that the task and type, or the model, is unknown. What the client wrote does not count. */
export function whatIsLacking(text: string, asked: Asked): 'type' | 'model' | undefined {
  const own = withoutAsked(text, asked)
  for (const [what, pattern] of [
    ['type', LACKS_TYPE],
    ['model', LACKS_MODEL],
  ] as const) {
    const found = pattern.exec(own)?.[0]
    // A phrase that stands in the request as it is in the answer may be an echo.
    if (found !== undefined && !asked.written().toLowerCase().includes(found.toLowerCase())) return what
  }
  return undefined
}

/** Names that are looked for in an answer. Immich's requests have fewer than ten. */
const MOST_NAMES = 1_000

/** Longest first, so that no part of a name is left behind. Of a request with too many names, an answer says nothing. */
function withoutAsked(text: string, { names }: Asked): string {
  const strings = [...new Set(names())].filter(({ length }) => length > 0).sort((a, b) => b.length - a.length)
  if (strings.length > MOST_NAMES) return ''
  return strings.reduce((rest, name) => rest.replaceAll(name, "''"), text)
}
