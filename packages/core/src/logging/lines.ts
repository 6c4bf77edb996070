import { LONGEST_NAME, LONGEST_TEXT, shorten } from '../shorten.ts'

/** A pino logger, or another logger with the same methods. */
export interface Logger {
  /** Logs a message with fields. */
  debug(fields: object, message: string): void
  /** Logs a message with fields. */
  info(fields: object, message: string): void
  /** Logs a message with fields. */
  warn(fields: object, message: string): void
}

/** Every message with its possible levels; the first is the default. */
export const LINES = {
  predict: ['info', 'warn'],
  'request queued': ['debug'],
  'request held': ['info'],
  'request dispatched': ['info', 'debug'],
  'request gave up waiting': ['warn'],
  'backend up': ['info'],
  'backend down': ['warn'],
  'backend ejected': ['warn'],
  'backend on trial': ['info'],
  'backend recovering': ['info'],
  'backend recovered': ['info'],
  'backend does not support this task': ['warn'],
  'backend throttled': ['info'],
  'backend passed canary': ['info', 'debug'],
  'backend failed canary': ['warn'],
  'backend has a model problem': ['warn'],
  'backend model problem fixed': ['info'],
  'backend draining': ['info'],
  'backend enabled': ['info'],
  'backend needed while down': ['info'],
  'backend wake-up failed': ['warn'],
  'backend models loaded': ['info'],
  'backend models not loaded': ['warn'],
  'backend suspended': ['info'],
  'backend suspend failed': ['warn'],
  'backend recycled': ['info'],
  'backend recycle failed': ['warn'],
  'backend addresses changed': ['info'],
  'backend name resolution failed': ['warn'],
  'backend added': ['info'],
  'backend removed': ['info'],
  'configuration reloaded': ['info'],
  'predict requests use HTTP/1.0': ['warn'],
  'router notice': ['warn'],
} as const satisfies Record<string, readonly [keyof Logger, ...(keyof Logger)[]]>

export type Message = keyof typeof LINES

/** Every field of a line. */
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
  'parts',
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
  'jobs',
  'loadedIn',
  'different',
  'advice',
] as const

export type Fields = { readonly [F in (typeof LOG_FIELDS)[number]]?: unknown }

/** Writes a line. @param level By default, the first level of the message. */
export function write<M extends Message>(
  logger: Logger,
  message: M,
  fields: Fields,
  level: (typeof LINES)[M][number] = LINES[message][0],
): void {
  logger[level](bounded(fields), message)
}

/** Fields whose texts are sentences; other texts are names. */
const SENTENCES: ReadonlySet<string> = new Set([
  'request',
  'error',
  'reason',
  'different',
  'advice',
  'outcome',
])

/** Shortens all texts: names come from clients and configurations and can have any length. */
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

/** Escapes DEL and the C1 controls, which JSON does not escape and a terminal may obey. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
