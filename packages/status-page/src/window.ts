import type { Tally } from './tally.ts'
import type { BackendWindow, RouteWindow, WindowView } from './wire.ts'

/** Shortest time over which a rate is computed, in milliseconds: a rate over less says nothing. */
const LEAST_TIME = 1_000

/** The part of a backend's state that decides which figures it has. */
export interface BackendState {
  /** Whether it gets requests: only then it has a share. */
  readonly isAvailable: boolean
  /** Whether it has a concurrency limit: only then it has a load. */
  readonly isLimited: boolean
}

/** The requests of the last minutes, for a report. */
export class Window {
  readonly #tally: Tally
  readonly #length: number
  /** Jobs of all backends. */
  readonly #jobs: number

  /** @param length Time that it covers, in milliseconds. */
  constructor(tally: Tally, length: number) {
    this.#tally = tally
    this.#length = length
    this.#jobs = [...tally.backends.values()].reduce((sum, { jobs }) => sum + jobs, 0)
  }

  get view(): WindowView {
    const { fates, latencies, total } = this.#tally
    const rate = (total / Math.max(this.#length, LEAST_TIME)) * 1_000
    return { length: Math.round(this.#length), rate: thousandths(rate), fates, latencies: latencies.view }
  }

  backendOf(name: string, { isAvailable, isLimited }: BackendState): BackendWindow {
    const { backends, sampled } = this.#tally
    const tally = backends.get(name)
    const jobs = tally?.jobs ?? 0
    return {
      jobs,
      share: isAvailable && this.#jobs > 0 ? thousandths(jobs / this.#jobs) : undefined,
      busy: shareOf(tally?.busy ?? 0, sampled),
      load: isLimited ? shareOf(tally?.load ?? 0, sampled) : undefined,
      latencies: tally?.latencies.view ?? {},
      verdicts: Object.fromEntries(tally?.verdicts ?? []),
    }
  }

  routeOf(name: string): RouteWindow {
    const { jobs = 0, failed = 0 } = this.#tally.routes.get(name) ?? {}
    return { jobs, failed }
  }
}

/** The share of a time, to three digits. */
export function shareOf(time: number, whole: number): number {
  return whole > 0 ? thousandths(time / whole) : 0
}

function thousandths(number: number): number {
  return Math.round(number * 1_000) / 1_000
}
