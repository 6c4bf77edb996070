/** Shortest time on the scale, in milliseconds. Everything below is at its start. */
const SHORTEST = 1
/** The scale ends here or later, so that a few fast requests do not fill the width. */
const LEAST_END = 10_000

/** 10 ms, 1 s, 1 min and 1 h. */
const TICKS: readonly number[] = [10, 1_000, 60_000, 3_600_000]

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

  /** Times for labels. */
  get ticks(): readonly number[] {
    return TICKS.filter((tick) => tick < this.end)
  }
}
