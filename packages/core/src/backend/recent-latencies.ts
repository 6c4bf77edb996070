import { defaults } from '../defaults.ts'

/**
 * The last latencies of one kind of job, for their percentiles: so few that they can be sorted when they are asked for,
 * and that a backend which has become slower is believed to be within as many jobs.
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
