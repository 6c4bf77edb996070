/** Bins of which each is so much wider than the one before that a percentile is wrong by 4.5 % at most. */
const BINS_PER_OCTAVE = 8
/** The first bin begins at a quarter of a millisecond … */
const FIRST_OCTAVE = -2
/** … and the last ends behind eighteen hours. */
const OCTAVES = 28
const BINS = OCTAVES * BINS_PER_OCTAVE

/** Counts of times, in milliseconds: as many as come, in as much memory as ever. */
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

  /** Adds what another has counted. */
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

  /** The time that so many percent did not exceed; `undefined` when there is none. */
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
