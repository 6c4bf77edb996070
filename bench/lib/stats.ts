import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds on a clock that all processes of the machine share, and that never jumps. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export async function sleepUntil(time: number): Promise<void> {
  const left = time - now()
  if (left > 0) await sleep(left)
}

/**
 * The value below which this share of the values lies, between the two nearest ones where it falls between them.
 *
 * @param share From 0 to 1: 0.95 for the 95th percentile.
 * @returns `NaN` when there are none.
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = ascending(values)
  const place = share * (sorted.length - 1)
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** @returns `NaN` when there are none. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

export interface Spread {
  readonly least: number
  readonly median: number
  readonly most: number
}

/** What repeated measurements say: the middle, and how far they are apart. */
export function spread(values: readonly number[]): Spread {
  return { least: percentile(values, 0), median: median(values), most: percentile(values, 1) }
}

/** The share of the values that are not above each value: the points of a distribution's curve. */
export function distribution(values: readonly number[]): [value: number, share: number][] {
  return ascending(values).map((value, i) => [value, (i + 1) / values.length])
}

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b)
}

/** Counts by name, such as failures by reason. */
export type Counts = Readonly<Record<string, number>>

export function addCounts(a: Counts, b: Counts): Counts {
  const sums: Record<string, number> = { ...a }
  for (const [name, count] of Object.entries(b)) sums[name] = (sums[name] ?? 0) + count
  return sums
}
