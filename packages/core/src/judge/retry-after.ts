import { defaults } from '../config/defaults.ts'

/** A `Retry-After` header (RFC 9110 section 10.2.3) in milliseconds, at most the longest ejection. */
export function retryAfterOf(
  value: string | string[] | undefined,
  now: number = Date.now(),
): number | undefined {
  if (typeof value !== 'string') return undefined
  const time = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return time > 0 ? Math.min(time, defaults.longestEjection) : undefined
}
