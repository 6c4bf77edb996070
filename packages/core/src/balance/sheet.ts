import type { Backend } from '../backend/backend.ts'
import { expectedBehind, knownUntil } from '../backend/latency/latency-book.ts'
import { defaults } from '../config/defaults.ts'

/**
 * What there is to compare of many servers for one kind of job, side by side in flat arrays, by their places in a list. A
 * server is asked anew only when it has changed: with a thousand of them, fetching each from memory is most of the work.
 */
export class Sheet {
  readonly #kind: string
  #size = 0
  #now = 0
  #versions = new Float64Array()
  #inFlight = new Float64Array()
  #limits = new Float64Array()
  #workers = new Float64Array()
  /** 1 where it is being found out if it can work on twice as many. */
  #mayHaveMore = new Float64Array()
  #weights = new Float64Array()
  #lastDone = new Float64Array()
  #means = new Float64Array()
  #peaks = new Float64Array()
  #peakTimes = new Float64Array()
  #knownUntil = new Float64Array()
  /** What the four before come to by now; `NaN` where nothing is known. */
  #latencies = new Float64Array()
  /** How long any job takes there. */
  #averages = new Float64Array()
  /** How many times as long as the quickest each takes with other kinds of jobs. */
  #ratios = new Float64Array()
  #quickest: number | undefined
  /** The version of the quickest that the ratios are to. */
  #ratiosTo = 0

  /** @param kind Of the job. */
  constructor(kind: string) {
    this.#kind = kind
  }

  /** Has these servers, as they are now. */
  update(servers: readonly [Backend, ...Backend[]]): void {
    this.#now = servers[0].now
    this.#size = servers.length
    this.#quickest = undefined
    if (servers.length > this.#versions.length) this.#grow(servers.length)
    let i = 0
    for (const server of servers) {
      if (server.version !== this.#versions[i]) this.#read(i, server)
      this.#latencies[i] = this.#latencyNow(i)
      i++
    }
  }

  get size(): number {
    return this.#size
  }

  /** Whether it is known how long such a job takes there. */
  isMeasured(i: number): boolean {
    return !Number.isNaN(this.latency(i))
  }

  /** How long such a job takes there, in milliseconds; `NaN` where that is not known. */
  latency(i: number): number {
    return this.#latencies[i] ?? Number.NaN
  }

  /**
   * What the latency may be, by how other kinds of jobs compare to the quickest; `NaN` where there is nothing to compare.
   * Where nobody has done this kind, an average job is what they are compared by: that compares as well.
   */
  estimate(i: number, servers: readonly Backend[]): number {
    this.#quickest ??= this.#findQuickest(servers)
    const quickest = servers[this.#quickest]
    if (this.#ratios[i] === UNASKED && quickest !== undefined)
      this.#ratios[i] = servers[i]?.ratioTo(quickest) ?? Number.NaN
    const there = this.isMeasured(this.#quickest)
      ? this.latency(this.#quickest)
      : this.#average(this.#quickest, servers)
    return (this.#ratios[i] ?? Number.NaN) * there
  }

  inFlight(i: number): number {
    return this.#inFlight[i] ?? 0
  }

  limit(i: number): number {
    return this.#limits[i] ?? 0
  }

  /** How many it works on at once: others wait inside. */
  workers(i: number): number {
    return this.#workers[i] ?? 0
  }

  /** Whether it is being found out if it can work on twice as many. */
  mayHaveMore(i: number): boolean {
    return this.#mayHaveMore[i] === 1
  }

  weight(i: number): number {
    return this.#weights[i] ?? 0
  }

  /** Whether a job of this kind was done there so long ago that it may take another time now. */
  hasForgotten(i: number): boolean {
    return this.#now - (this.#lastDone[i] ?? 0) > defaults.latencyForgotten
  }

  #read(i: number, server: Backend): void {
    const latency = server.latency(this.#kind)
    this.#versions[i] = server.version
    this.#inFlight[i] = server.inFlight
    this.#limits[i] = server.limit
    this.#workers[i] = server.workers
    this.#mayHaveMore[i] = server.mayHaveMore ? 1 : 0
    this.#weights[i] = server.weight
    this.#lastDone[i] = server.lastDone(this.#kind) ?? Number.POSITIVE_INFINITY
    this.#means[i] = latency?.mean ?? Number.NaN
    this.#peaks[i] = latency?.peak ?? 0
    this.#peakTimes[i] = latency?.peakAt ?? 0
    this.#knownUntil[i] = latency === undefined ? Number.POSITIVE_INFINITY : knownUntil(latency)
    this.#averages[i] = UNASKED
    this.#ratios[i] = UNASKED
  }

  #average(i: number, servers: readonly Backend[]): number {
    if (this.#averages[i] === UNASKED) this.#averages[i] = servers[i]?.average ?? Number.NaN
    return this.#averages[i] ?? Number.NaN
  }

  #latencyNow(i: number): number {
    const mean = this.#means[i] ?? Number.NaN
    const peak = this.#peaks[i] ?? 0
    if (this.#now > (this.#knownUntil[i] ?? 0)) return Number.NaN
    return peak === 0 ? mean : expectedBehind(mean, peak, this.#now - (this.#peakTimes[i] ?? 0))
  }

  #findQuickest(servers: readonly Backend[]): number {
    let quickest = 0
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#size; i++) {
      // By this kind of job; by any, as long as none has done this one.
      const time = this.isMeasured(i) ? this.latency(i) : UNKNOWN + this.#average(i, servers)
      if (time < least) {
        quickest = i
        least = time
      }
    }
    const version = servers[quickest]?.version ?? 0
    if (version !== this.#ratiosTo) this.#ratios.fill(UNASKED)
    this.#ratiosTo = version
    return quickest
  }

  #grow(size: number): void {
    const grown = (column: Float64Array) => {
      const wider = new Float64Array(size)
      wider.set(column)
      return wider
    }
    this.#versions = grown(this.#versions)
    this.#inFlight = grown(this.#inFlight)
    this.#limits = grown(this.#limits)
    this.#workers = grown(this.#workers)
    this.#mayHaveMore = grown(this.#mayHaveMore)
    this.#weights = grown(this.#weights)
    this.#lastDone = grown(this.#lastDone)
    this.#means = grown(this.#means)
    this.#peaks = grown(this.#peaks)
    this.#peakTimes = grown(this.#peakTimes)
    this.#knownUntil = grown(this.#knownUntil)
    this.#latencies = grown(this.#latencies)
    this.#averages = grown(this.#averages)
    this.#ratios = grown(this.#ratios)
  }
}

const UNASKED = -1
/** Longer than anything that is known, in milliseconds. */
export const UNKNOWN = 1e12
