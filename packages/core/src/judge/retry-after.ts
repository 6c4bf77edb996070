import { defaults } from '../config/defaults.ts'

/** A `Retry-After` header in milliseconds: seconds or a date (RFC 9110 section 10.2.3), and not longer than an ejection. */
export function retryAfterOf(
  value: string | string[] | undefined,
  now: number = Date.now(),
): number | undefined {
  if (typeof value !== 'string') return undefined
  const time = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return time > 0 ? Math.min(time, defaults.longestEjection) : undefined
}
