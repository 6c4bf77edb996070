/** Shortest time on the scale, in milliseconds. Everything below is at its start. */
const SHORTEST = 1
/** The scale ends here or later, so that a few fast requests do not fill the width. */
const LEAST_END = 10_000

/** The logarithmic time scale that all rows share. Times are in milliseconds. */
export class TimeScale {
  /** A power of ten. */
  readonly end: number

  /** @param longest The longest time to show. */
  constructor(longest: number) {
    this.end = 10 ** Math.ceil(Math.log10(Math.max(longest, LEAST_END)) - 1e-9)
  }

  /** Position of a time, in percent of the width. */
  at(time: number): number {
    return (100 * Math.log10(Math.max(time, SHORTEST) / SHORTEST)) / Math.log10(this.end / SHORTEST)
  }

  /** Powers of ten for labels: every second one, from 10 ms. */
  get ticks(): readonly number[] {
    const count = Math.round(Math.log10(this.end))
    return Array.from({ length: count }, (_, i) => 10 ** (i + 1)).filter((_, i) => i % 2 === 0)
  }
}
