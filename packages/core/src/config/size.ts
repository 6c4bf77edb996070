const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }
/** Bytes, or a number with a unit: `32mb`, `32MiB`, nginx's `32m`. Units are powers of 1024. */
export const SIZE_PATTERN = /^(\d+(?:\.\d+)?) ?(?:[bB]|([kKmMgG])(?:[iI]?[bB])?)?$/

/** @returns The bytes, `Infinity` for `unlimited`, `undefined` when the text is no size. */
export function parseSize(size: number | string): number | undefined {
  if (typeof size === 'number') return size
  if (size === 'unlimited') return Number.POSITIVE_INFINITY
  const match = SIZE_PATTERN.exec(size.trim())
  if (match === null) return undefined
  const unit = UNITS[(match[2] ?? '').toLowerCase()]
  return unit === undefined ? undefined : Math.floor(Number(match[1]) * unit)
}
