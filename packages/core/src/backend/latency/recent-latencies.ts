import { defaults } from '../../config/defaults.ts'

/**
 * The last latencies of one kind of job, for their percentiles: few enough to be sorted when these are asked for, and to
 * forget soon how a backend was before.
 */
export class RecentLatencies {
  readonly #times: number[] = []
  #next = 0

  add(time: number): void {
    this.#times[this.#next] = time
    this.#next = (this.#next + 1) % defaults.latencySamples
  }

  /**
   * The time, in milliseconds, that so many percent of them did not exceed, by nearest rank; `undefined` as long as there
   * are too few to tell.
   */
  percentile(percent: number): number | undefined {
    const { length } = this.#times
    if (length < defaults.fewestSamples) return undefined
    return Float64Array.from(this.#times).sort()[Math.ceil((percent * length) / 100) - 1]
  }
}
