import type { Classified } from '../classify/classification.ts'
import { jobNames } from '../routing/jobs.ts'

/** A kind of job on one route. */
export interface RecentJob {
  /** Its tasks, types and models. */
  readonly kind: string
  readonly route: string
  readonly classification: Classified
  /** When it was last asked for, on the clock. */
  readonly time: number
}

/** Jobs that are kept. Names of models come from clients. */
const MOST_JOBS = 32

/** The kinds of jobs that were asked for last, by route. */
export class RecentJobs {
  /** By kind and route, the latest at the end. */
  readonly #jobs = new Map<string, RecentJob>()

  /** Notes a request. */
  add(route: string, classification: Classified, time: number): RecentJob {
    const { kind } = jobNames(classification)
    const key = `${kind} ${route}`
    const job = { kind, route, classification, time }
    this.#jobs.delete(key)
    for (const oldest of this.#jobs.keys()) {
      if (this.#jobs.size < MOST_JOBS) break
      this.#jobs.delete(oldest)
    }
    this.#jobs.set(key, job)
    return job
  }

  /** The jobs that were asked for since a time on the clock, the latest first. */
  since(time: number): RecentJob[] {
    return [...this.#jobs.values()].filter((job) => job.time >= time).reverse()
  }
}
