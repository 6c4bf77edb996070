import { shareOf } from './window.ts'
import type { BusyView } from './wire.ts'

/** Milliseconds with at least one request in flight, by backend. */
export type BusyTimes = ReadonlyMap<string, number>

/** What a backend did: jobs, and milliseconds with at least one request in flight. */
export interface Work {
  readonly jobs: number
  readonly busy: number
}

const NO_WORK: Work = { jobs: 0, busy: 0 }

/** Backends that are counted. A reload can add names without end. */
export const MOST_NAMES = 64
/** Backends in a report and in a bucket that has ended. */
const MOST_SHOWN = 8

/** The work of each backend. */
export class Works {
  #works = new Map<string, Work>()

  constructor(record: Readonly<Record<string, Work>> = {}) {
    for (const [name, work] of Object.entries(record)) this.#add(name, work)
  }

  addJob(backend: string): void {
    this.#add(backend, { jobs: 1, busy: 0 })
  }

  addBusy(times: BusyTimes): void {
    for (const [name, busy] of times) if (busy > 0) this.#add(name, { jobs: 0, busy })
  }

  #add(name: string, { jobs, busy }: Work): void {
    const known = this.#works.get(name)
    if (known === undefined && this.#works.size >= MOST_NAMES) return
    const { jobs: jobsBefore, busy: busyBefore } = known ?? NO_WORK
    this.#works.set(name, { jobs: jobsBefore + jobs, busy: busyBefore + busy })
  }

  /** Forgets all but the backends with the most jobs. */
  shrink(): void {
    this.#works = new Map(this.#busiest)
  }

  get #busiest(): readonly [string, Work][] {
    return [...this.#works].sort(([, a], [, b]) => b.jobs - a.jobs || b.busy - a.busy).slice(0, MOST_SHOWN)
  }

  get record(): Record<string, Work> {
    const works = [...this.#works].map(([name, { jobs, busy }]) => [name, { jobs, busy: Math.round(busy) }])
    return Object.fromEntries(works)
  }

  /** The backends with the most jobs, with the share of a time that they were busy. */
  views(time: number): Record<string, BusyView> {
    const views = this.#busiest.map(([name, { jobs, busy }]) => [
      name,
      { jobs, busy: Math.min(1, shareOf(busy, time)) },
    ])
    return Object.fromEntries(views)
  }
}
