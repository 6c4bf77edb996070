/** Each bin is 9 % wider than the one before, so a percentile is off by at most 4.5 %. */
const BINS_PER_OCTAVE = 8
/** The first bin starts at 2⁻² = 0.25 ms. */
const FIRST_OCTAVE = -2
/** The last bin ends after 18 h. */
const OCTAVES = 28
const BINS = OCTAVES * BINS_PER_OCTAVE

/** Counts durations in milliseconds. Its memory grows with the number of different bins, up to 224. */
export class Histogram {
  readonly #counts = new Map<number, number>()
  #count = 0

  get count(): number {
    return this.#count
  }

  add(time: number): void {
    const bin = Math.floor((Math.log2(time) - FIRST_OCTAVE) * BINS_PER_OCTAVE)
    this.#add(bin > 0 ? Math.min(bin, BINS - 1) : 0, 1)
  }

  /** Adds the counts of another histogram. */
  merge(other: Histogram): void {
    for (const [bin, count] of other.#counts) this.#add(bin, count)
  }

  /** The duration that this percentage of the durations did not exceed; `undefined` for an empty histogram. */
  percentile(percent: number): number | undefined {
    let left = Math.ceil((percent / 100) * this.#count)
    for (const [bin, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      left -= count
      if (left <= 0) return 2 ** ((bin + 0.5) / BINS_PER_OCTAVE + FIRST_OCTAVE)
    }
    return undefined
  }

  #add(bin: number, count: number): void {
    this.#counts.set(bin, (this.#counts.get(bin) ?? 0) + count)
    this.#count += count
  }
}
