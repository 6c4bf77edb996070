import type { DestinationStream } from 'pino'

/** A parsed log line. */
type Line = Readonly<Record<string, unknown>>

/** Fields of every line, and those that {@link requestText} says in words. */
const HIDDEN = new Set(['level', 'time', 'pid', 'hostname', 'msg'])

/**
 * Creates a destination that turns log lines into text for a person: local time, level and one sentence, in colour.
 *
 * @param output Gets the text.
 * @param colorize Whether the text has colours.
 */
export async function prettyDestination(
  output: DestinationStream,
  colorize: boolean,
): Promise<DestinationStream> {
  // Loaded only where it is used: it doubles the time that loading the log takes.
  const { default: pretty } = await import('pino-pretty')
  const format = pretty.prettyFactory({
    colorize,
    translateTime: 'SYS:HH:MM:ss',
    include: 'level,time',
    messageFormat: (line) => textOf(line),
  })
  return { write: (line) => output.write(format(line)) }
}

/** A log line as one sentence. */
export function textOf(line: Line): string {
  return line['msg'] === 'predict' ? requestText(line) : eventText(line)
}

/** `clip/textual 200 by nas in 23 ms`, then what was unusual. */
function requestText(line: Line): string {
  const { status, job, backend, outcome, attempts, waited, error, steps, client } = line
  const total = isRecord(steps) ? steps['total'] : undefined
  const parts = [
    `${job} ${status ?? 'no answer'}`,
    typeof backend === 'string' ? `by ${backend}` : '',
    typeof total === 'number' ? `in ${Math.round(total)} ms` : '',
    Array.isArray(waited) ? `after waiting (${waited.join(', ')})` : '',
    Array.isArray(attempts) ? `after ${attempts.length} attempts` : '',
    outcome === 'answered' ? '' : `[${outcome}]`,
    typeof client === 'string' ? `for ${client}` : '',
  ]
  const text = parts.filter((part) => part !== '').join(' ')
  return typeof error === 'string' ? `${text}: ${error}` : text
}

/** The message and its fields: `backend down backend=gpu reason=ECONNREFUSED`. */
function eventText(line: Line): string {
  const fields = Object.entries(line).flatMap(([name, value]) =>
    HIDDEN.has(name) || value === undefined || value === null ? [] : [`${name}=${valueText(value)}`],
  )
  return [String(line['msg'] ?? ''), ...fields].join(' ')
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return /^[^\s=]+$/.test(value) ? value : JSON.stringify(value)
  if (Array.isArray(value)) return value.map(valueText).join(',')
  if (isRecord(value) && typeof value['name'] === 'string') return `${value['name']} (${value['url']})`
  return JSON.stringify(value)
}

function isRecord(value: unknown): value is Line {
  return typeof value === 'object' && value !== null
}
