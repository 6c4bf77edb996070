import { Day } from './day.ts'
import { defaults } from './defaults.ts'
import { EventLog } from './event-log.ts'
import { type RunRecord, Runs } from './runs.ts'
import type { Entry } from './tally.ts'
import type { Use } from './use-meter.ts'
import type { BucketView, EventView, RunView } from './wire.ts'

/** A completed request. Its end is a time of `Date.now()`. */
export interface Job extends Omit<Entry, 'route'> {
  /** Whether the client got an answer below 400. */
  readonly isGood: boolean
}

/** The part of the archive that a restart keeps. */
export interface ArchiveRecord {
  readonly runs: readonly RunRecord[]
  readonly day: readonly BucketView[]
  readonly events: readonly Omit<EventView, 'id'>[]
}

/** The archive as reports show it. */
export interface ArchiveViews {
  readonly runs: readonly RunView[]
  readonly day: readonly BucketView[]
  readonly events: readonly EventView[]
}

export interface ArchiveOptions {
  /** The time of day in milliseconds, for tests. Default: `Date.now`. */
  readonly wall?: (() => number) | undefined
  /** Called after a change, often. */
  readonly onChange?: (() => void) | undefined
}

/** The long history: runs, the last 24 hours, and events. Its times are those of `Date.now()`, so that it can be stored. */
export class Archive {
  readonly #wall: () => number
  readonly #onChange: () => void
  readonly #runs = new Runs()
  readonly #day = new Day()
  readonly #events = new EventLog()
  #changes = 0

  constructor({ wall = Date.now, onChange = () => {} }: ArchiveOptions = {}) {
    this.#wall = wall
    this.#onChange = onChange
  }

  /** Number of changes so far. */
  get changes(): number {
    return this.#changes
  }

  /** Counts a request that has just completed. */
  add(job: Omit<Job, 'at'>): void {
    const full = { ...job, at: this.#wall() }
    const change = this.#changed()
    this.#runs.add(full, change)
    this.#day.add(full, change)
  }

  /** Adds how the backends were used in a time that ends now. */
  addUse({ time, backends }: Use): void {
    const busy = new Map([...backends].flatMap(([name, { busy }]) => (busy > 0 ? [[name, busy]] : [])))
    if (busy.size === 0) return
    const now = this.#wall()
    const change = this.#changed()
    this.#runs.addUse({ busy, from: now - time, to: now }, change)
    this.#day.addBusy(busy, now - time, now, change)
  }

  note(event: Omit<EventView, 'id' | 'at'>): void {
    this.#events.add({ id: this.#changed(), at: this.#wall(), ...event })
  }

  /**
   * Ends the current run and the current bucket when they are over.
   *
   * @param isWaiting Whether a bulk job waits, so that its run continues.
   */
  settle(isWaiting: boolean): void {
    const now = this.#wall()
    if (this.#runs.settle(now, isWaiting, this.#changes + 1)) this.#changed()
    if (this.#day.settle(now, this.#changes + 1)) this.#changed()
  }

  /** @param withCurrentRun Whether the current run is among them in any case. */
  changedSince(change: number, withCurrentRun = false): ArchiveViews {
    const now = this.#wall()
    return {
      runs: this.#runs.changedSince(change, withCurrentRun),
      day: this.#day.changedSince(change, now),
      events: this.#events.changedSince(change, now),
    }
  }

  get record(): ArchiveRecord {
    const now = this.#wall()
    const events = this.#events.changedSince(0, now)
    return { runs: this.#runs.records, day: this.#day.records(now), events }
  }

  restore({ runs, day, events }: ArchiveRecord): void {
    const change = this.#changed()
    this.#runs.restore(runs.slice(-defaults.runs - 1), change)
    this.#day.restore(day, this.#wall(), change)
    for (const event of events) this.#events.add({ ...event, id: this.#changed() })
  }

  #changed(): number {
    this.#onChange()
    return ++this.#changes
  }
}
