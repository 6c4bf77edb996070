import type { Heartbeats } from '../config/resolve.ts'
import { resolveTimeouts, type TimeoutOptions } from '../config/timeouts.ts'

/** A head and, behind it, what there is to say. */
export type Paragraph = readonly [head: string, ...lines: string[]]

/** What there is to say: a line that is `undefined` is not said. */
export function said(...lines: readonly (string | undefined)[]): string[] {
  return lines.filter((line) => line !== undefined)
}

const UNITS: readonly (readonly [milliseconds: number, name: string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1_000, 'second'],
  [1, 'millisecond'],
]
const SIZES: readonly (readonly [bytes: number, name: string])[] = [
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
]

/** `12 hours`, `90 seconds`: in the largest unit of which it is a whole number. */
export function duration(milliseconds: number): string {
  const [unit, name] = UNITS.find(([size]) => milliseconds >= size && milliseconds % size === 0) ?? [
    1,
    'millisecond',
  ]
  return counted(milliseconds / unit, name)
}

/** `up to 12 hours`, or that there is no limit. */
export function upTo(milliseconds: number): string {
  return Number.isFinite(milliseconds) ? `up to ${duration(milliseconds)}` : 'for as long as it takes'
}

/** `32 MiB`; powers of 1024. */
export function size(bytes: number): string {
  const [unit, name] = SIZES.find(([least]) => bytes >= least) ?? [1, 'bytes']
  return `${Number((bytes / unit).toFixed(2))} ${name}`
}

/** `1 request`, `2 requests`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** `a, b and c`. */
export function listed(items: readonly string[], link = 'and'): string {
  const last = items.at(-1) ?? ''
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} ${link} ${last}`
}

/** `timeouts: response 20 minutes`: the configured ones that differ from the general ones. */
export function timeoutsLine(own: TimeoutOptions | undefined, general?: TimeoutOptions): string | undefined {
  const [resolved, otherwise] = [resolveTimeouts(own, general), resolveTimeouts(general)]
  const words = (['connect', 'response', 'idle', 'load', 'total'] as const)
    .filter((key) => resolved[key] !== otherwise[key])
    .map((key) => `${key} ${Number.isFinite(resolved[key]) ? duration(resolved[key]) : 'unlimited'}`)
  return words.length === 0 ? undefined : `timeouts: ${words.join(', ')}`
}

/** `after 2 minutes, then every 30 seconds`: when a waiting client gets heartbeats. */
export function heartbeatWords(beats: Heartbeats | undefined): string {
  if (beats === undefined) return 'none'
  return `after ${duration(beats.after)}, then every ${duration(beats.every)}`
}

/** Which models `keepWarm` keeps loaded, and how. */
export function warmWords(idle: number, where = ''): string {
  return `models of interactive jobs stay loaded${where}, by a canary after ${duration(idle)} without a request for them`
}
