/** Each bin is 9 % wider than the one before, so a percentile is off by at most 4.5 %. */
const BINS_PER_OCTAVE = 8
/** The first bin starts at 2⁻² = 0.25 ms. */
const FIRST_OCTAVE = -2
/** The last bin ends after 18 h. */
const OCTAVES = 28
const BINS = OCTAVES * BINS_PER_OCTAVE

/** Counts durations in milliseconds, in a fixed amount of memory. */
export class Histogram {
  readonly #counts = new Uint32Array(BINS)
  #count = 0

  get count(): number {
    return this.#count
  }

  add(time: number): void {
    const bin = Math.floor((Math.log2(time) - FIRST_OCTAVE) * BINS_PER_OCTAVE)
    const index = bin > 0 ? Math.min(bin, BINS - 1) : 0
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.#count++
  }

  /** Adds the counts of another histogram. */
  merge(other: Histogram): void {
    if (other.#count === 0) return
    for (const [bin, count] of other.#counts.entries()) {
      if (count > 0) this.#counts[bin] = (this.#counts[bin] ?? 0) + count
    }
    this.#count += other.#count
  }

  clear(): void {
    if (this.#count === 0) return
    this.#counts.fill(0)
    this.#count = 0
  }

  /** The duration that this percentage of the durations did not exceed; `undefined` for an empty histogram. */
  percentile(percent: number): number | undefined {
    if (this.#count === 0) return undefined
    let left = Math.ceil((percent / 100) * this.#count)
    const bin = this.#counts.findIndex((count) => {
      left -= count
      return left <= 0
    })
    return 2 ** ((bin + 0.5) / BINS_PER_OCTAVE + FIRST_OCTAVE)
  }
}
