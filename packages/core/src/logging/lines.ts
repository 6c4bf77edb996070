import { LONGEST_NAME, LONGEST_TEXT, shorten } from '../shorten.ts'

/** What lines are written to: a pino logger, or anything else that takes some fields and a message as pino does. */
export interface Logger {
  /** Logs a message with fields. */
  debug(fields: object, message: string): void
  /** Logs a message with fields. */
  info(fields: object, message: string): void
  /** Logs a message with fields. */
  warn(fields: object, message: string): void
}

/** Every line, by its message, with the levels that it may have; the first is the usual one. */
export const LINES = {
  predict: ['info', 'warn'],
  'request waits for a slot': ['debug'],
  'request waits for a backend': ['info'],
  'request waits no more': ['info', 'debug'],
  'request gave up waiting': ['warn'],
  'backend is up': ['info'],
  'backend is down': ['warn'],
  'backend ejected': ['warn'],
  'backend is tried again': ['info'],
  'backend is back, and starts slowly': ['info'],
  'backend is well': ['info'],
  'backend does not have this task': ['warn'],
  'backend asks to be left alone': ['info'],
  'backend is drained': ['info'],
  'backend is enabled': ['info'],
  'backend is wanted while it is down': ['info'],
  'backend could not be woken': ['warn'],
  "backend's name was resolved": ['info'],
  "backend's name could not be resolved": ['warn'],
  'backend is there from now on': ['info'],
  'backend gets nothing more': ['info'],
  'configuration reloaded': ['info'],
  'predict requests come over HTTP/1.0': ['warn'],
} as const satisfies Record<string, readonly [keyof Logger, ...(keyof Logger)[]]>

export type Message = keyof typeof LINES

/** Every field that a line may have. */
export const LOG_FIELDS = [
  'client',
  'request',
  'status',
  'job',
  'route',
  'backend',
  'upstream',
  'endpoint',
  'outcome',
  'waited',
  'attempts',
  'hedged',
  'heartbeats',
  'retained',
  'error',
  'bodySize',
  'steps',
  'held',
  'reason',
  'waitedFor',
  'task',
  'ejections',
  'endpoints',
  'added',
  'removed',
  'different',
  'advice',
] as const

export type Fields = { readonly [F in (typeof LOG_FIELDS)[number]]?: unknown }

/** Writes a line, at its usual level unless told otherwise. */
export function write<M extends Message>(
  logger: Logger,
  message: M,
  fields: Fields,
  level: (typeof LINES)[M][number] = LINES[message][0],
): void {
  logger[level](bounded(fields), message)
}

/** Sentences; all other texts are names. */
const SENTENCES: ReadonlySet<string> = new Set([
  'request',
  'error',
  'reason',
  'different',
  'advice',
  'outcome',
])

/** No text of a line is longer than a name or a sentence may be, whatever clients and configurations call things. */
function bounded(fields: object): object {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    boundedValue(value, SENTENCES.has(name) ? LONGEST_TEXT : LONGEST_NAME),
  ])
  return Object.fromEntries(entries)
}

function boundedValue(value: unknown, most: number): unknown {
  if (typeof value === 'string') return printable(shorten(value, most))
  if (Array.isArray(value)) return value.map((item) => boundedValue(item, most))
  return typeof value === 'object' && value !== null ? bounded(value) : value
}

/** JSON leaves DEL and the C1 controls as they are, and a terminal that shows the log may obey them. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
