import { defaults } from '../defaults.ts'

const MISSING =
  'unknown|unsupported|unrecogni[sz]ed|invalid|unavailable|not (?:supported|implemented|available|enabled|found)|no such'
/** Such as "Unknown task: ocr", "task 'ocr' is not supported". */
const LACKS_TASK = new RegExp(
  `\\b(?:${MISSING})\\b[^.]{0,40}\\btasks?\\b|\\btasks?\\b[^.]{0,80}\\b(?:${MISSING})\\b`,
  'i',
)

/** Whether a 4xx says that the task is unknown, as servers do that speak a part of the API only. */
export function saysTaskIsUnknown(body: string): boolean {
  return LACKS_TASK.test(body)
}

/** Whether an answer of this status may say so, and is worth looking at. */
export function mayLackTask(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): boolean {
  if (status < 400 || status > 499 || status === 429) return false
  const length = headers['content-length']
  return typeof length !== 'string' || Number(length) <= defaults.maxRefusalSize
}

/** A `Retry-After` header in milliseconds: seconds or a date (RFC 9110 section 10.2.3), and not longer than an ejection. */
export function retryAfterOf(
  value: string | string[] | undefined,
  now: number = Date.now(),
): number | undefined {
  if (typeof value !== 'string') return undefined
  const time = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return time > 0 ? Math.min(time, defaults.longestEjection) : undefined
}
