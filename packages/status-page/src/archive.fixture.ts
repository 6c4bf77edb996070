import { FakeClock } from '@immich-ml-router/core/testing'
import { Archive, type Job } from './archive.ts'
import { defaults } from './defaults.ts'
import type { BucketView, EventView, RunView } from './wire.ts'

/** Noon of a day, as `Date.now()`. */
export const NOON = Date.UTC(2026, 11, 1, 12)
export const MINUTE = 60_000
/** Jobs of the shortest run. */
export const RUN = defaults.runJobs

/** An archive with a script, which starts at noon: each step takes time, and the backends are busy in it. */
export class Script {
  readonly clock: FakeClock
  readonly archive: Archive
  #wall = NOON

  constructor() {
    this.clock = new FakeClock()
    this.archive = new Archive({ wall: () => this.now })
  }

  /** The time of day. */
  get now(): number {
    return this.#wall + this.clock.now()
  }

  /** Sets the time of day. */
  setClock(now: number): void {
    this.#wall += now - this.now
  }

  /** Passes time, with these backends busy for so many milliseconds of it. */
  pass(time: number, busy: Readonly<Record<string, number>> = {}): void {
    const from = this.clock.now()
    this.clock.advance(time)
    const uses = Object.entries(busy).map(
      ([name, each]) => [name, { busy: each, load: 0, limit: undefined }] as const,
    )
    this.archive.addUse({ from, time, backends: new Map(uses) })
  }

  /** Completes a job now. */
  job(job: Partial<Omit<Job, 'at'>> = {}): void {
    this.archive.add({ time: 100, kind: 'indexing', fate: 'answered', isGood: true, backend: 'gpu', ...job })
  }

  /** Jobs of 100 ms, one after the other, on a backend that is busy all the time. */
  jobs(count: number, job: Partial<Omit<Job, 'at'>> = {}): void {
    const { backend = 'gpu' } = job
    for (let i = 0; i < count; i++) {
      this.pass(100, { [backend]: 100 })
      this.job({ backend, ...job })
    }
  }

  /** @param isWaiting Whether a bulk job waits. */
  views(isWaiting = false, change = 0) {
    this.archive.settle(isWaiting)
    return this.archive.changedSince(change)
  }

  get runs(): readonly RunView[] {
    return this.views().runs
  }

  get day(): readonly BucketView[] {
    return this.views().day
  }

  get events(): readonly EventView[] {
    return this.views().events
  }
}
