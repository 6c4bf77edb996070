/** What an axis shows: values from one to another, evenly or by their magnitude. */
export interface Axis {
  readonly label: string
  readonly from: number
  readonly to: number
  readonly log?: boolean
}

/** From values to pixels. */
export interface Scale {
  at(value: number): number
  readonly ticks: readonly number[]
}

/**
 * @param start Where the axis begins, in pixels.
 * @param end Where it ends; may be before its beginning.
 */
export function scaleOf({ from, to, log = false }: Axis, start: number, end: number): Scale {
  const place = log ? Math.log : (value: number) => value
  const [low, high] = [place(from), place(to)]
  return {
    at: (value) =>
      start + ((place(Math.min(Math.max(value, from), to)) - low) / (high - low)) * (end - start),
    ticks: log ? magnitudes(from, to) : evenly(from, to),
  }
}

/** About five steps of 1, 2 or 5 times a power of ten. */
function evenly(from: number, to: number): number[] {
  const rough = (to - from) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => rough <= factor * power) ?? 10)
  const first = Math.ceil(from / step - 1e-9)
  const count = Math.floor(to / step + 1e-9) - first + 1
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

function magnitudes(from: number, to: number): number[] {
  const powers = Array.from({ length: 13 }, (_, i) => 10 ** (i - 6))
  return powers
    .flatMap((power) => [1, 3].map((factor) => Number((factor * power).toPrecision(12))))
    .filter((tick) => tick >= from && tick <= to)
}
