/** The scale of a plot: maps values to pixels, and has round values for labels. */
export interface Scale {
  at(value: number): number
  readonly ticks: readonly number[]
}

/** A scale from 0 to a round value of at least `highest`. */
export function linear(highest: number, from: number, to: number): Scale {
  const step = roundStep(Math.max(highest, 1e-9) / 3)
  const steps = Math.max(1, Math.ceil(highest / step - 1e-9))
  const top = steps * step
  return {
    at: (value) => from + ((to - from) * Math.min(value, top)) / top,
    ticks: Array.from({ length: steps + 1 }, (_, i) => i * step),
  }
}

/** A logarithmic scale between two powers of ten that include both values. */
export function logarithmic(lowest: number, highest: number, from: number, to: number): Scale {
  const first = Math.floor(Math.log10(Math.max(lowest, 1e-3)))
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(highest, 1e-3))))
  const share = (value: number) => (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first)
  return {
    at: (value) => from + (to - from) * Math.min(1, share(value)),
    ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
  }
}

/** The smallest 1, 2 or 5 times a power of ten that is at least `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= least * (1 - 1e-9)) ?? 10
  return factor * power
}
