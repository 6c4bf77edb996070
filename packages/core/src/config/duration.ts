const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A number with a unit: `250ms`, `30s`, `10m`, `12h`, `1d`. */
export const DURATION_PATTERN = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/

/** @returns Milliseconds, `Infinity` for `unlimited`, `undefined` when the text is no duration. */
export function parseDuration(duration: number | string): number | undefined {
  if (typeof duration === 'number') return duration
  if (duration === 'unlimited') return Number.POSITIVE_INFINITY
  const match = DURATION_PATTERN.exec(duration.trim())
  const unit = UNITS[match?.[2] ?? '']
  return unit === undefined ? undefined : Number(match?.[1]) * unit
}
