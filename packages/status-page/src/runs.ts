import type { Job } from './archive.ts'
import { defaults } from './defaults.ts'
import type { JobKind, RunView } from './wire.ts'
import { type BusyTimes, type Work, Works } from './works.ts'

/** A run as it is stored. Times are those of `Date.now()`. */
export interface RunRecord {
  readonly start: number
  /** End of its last job. */
  readonly last: number
  readonly jobs: number
  readonly failures: number
  readonly kinds: Readonly<Partial<Record<JobKind, number>>>
  readonly backends: Readonly<Record<string, Work>>
}

/** How long each backend was busy between two times. */
interface Use {
  readonly busy: BusyTimes
  readonly from: number
  readonly to: number
}

/** Uses that are kept for a run whose first job has not ended yet. */
const MOST_USES = 60

/** Shortest time over which a rate is computed, in milliseconds. */
const LEAST_TIME = 1_000

class Run {
  readonly start: number
  #last: number
  #jobs: number
  #failures: number
  readonly #kinds: Partial<Record<JobKind, number>>
  readonly #works: Works
  /** Busy time after the last job. It counts once another job follows. */
  readonly #later = new Map<string, number>()
  /** Number of its last change. */
  change = 0
  isOver = false

  constructor({ start, last, jobs, failures, kinds, backends }: RunRecord) {
    this.start = start
    this.#last = last
    this.#jobs = jobs
    this.#failures = failures
    this.#kinds = { ...kinds }
    this.#works = new Works(backends)
  }

  get last(): number {
    return this.#last
  }

  /** Whether it has enough jobs. A handful of them is not a run. */
  get counts(): boolean {
    return this.#jobs >= defaults.runJobs
  }

  add({ kind, at, isGood, backend }: Job): void {
    // The clock may have been set back.
    this.#last = Math.max(this.#last, at)
    this.#jobs++
    if (!isGood) this.#failures++
    this.#kinds[kind] = (this.#kinds[kind] ?? 0) + 1
    if (backend !== undefined) this.#works.addJob(backend)
    this.#works.addBusy(this.#later)
    this.#later.clear()
    this.isOver = false
  }

  addBusy({ busy, from, to }: Use): void {
    const most = to - Math.max(from, this.start)
    const own = new Map([...busy].map(([name, time]) => [name, Math.min(time, most)]))
    if (from < this.#last) this.#works.addBusy(own)
    else for (const [name, time] of own) this.#later.set(name, (this.#later.get(name) ?? 0) + time)
  }

  get record(): RunRecord {
    const kinds = { ...this.#kinds }
    const [last, jobs, failures] = [this.#last, this.#jobs, this.#failures]
    return { start: this.start, last, jobs, failures, kinds, backends: this.#works.record }
  }

  get view(): RunView {
    const time = this.#last - this.start
    return {
      start: this.start,
      end: this.isOver ? this.#last : undefined,
      jobs: this.#jobs,
      rate: Math.round((this.#jobs / Math.max(time, LEAST_TIME)) * 1_000_000) / 1_000,
      kinds: { ...this.#kinds },
      failures: this.#failures,
      backends: this.#works.views(time),
    }
  }
}

/**
 * Finds runs: a bulk job belongs to the run if it arrived less than {@link defaults.runGap} after the end of the run's last
 * job. So a job that was held for hours does not begin a new one.
 */
export class Runs {
  /** Oldest first. The last one may have too few jobs so far. */
  #runs: Run[] = []
  /** The last ones while no run has a job. */
  #uses: Use[] = []

  /** @param change Number of the change. */
  add(job: Job, change: number): void {
    if (job.kind === 'search') return
    const last = this.#runs.at(-1)
    const arrival = job.at - job.time
    const run = last === undefined || arrival >= last.last + defaults.runGap ? this.#begin(arrival) : last
    for (const use of this.#uses) if (use.to > run.start) run.addBusy(use)
    this.#uses = []
    run.add(job)
    run.change = change
  }

  #begin(start: number): Run {
    const previous = this.#runs.at(-1)
    if (previous?.counts === false) this.#runs.pop()
    else if (previous !== undefined) previous.isOver = true
    const run = new Run({
      start: Math.round(start),
      last: start,
      jobs: 0,
      failures: 0,
      kinds: {},
      backends: {},
    })
    this.#runs.push(run)
    if (this.#runs.length > defaults.runs + 1) this.#runs.shift()
    return run
  }

  addUse(use: Use, change: number): void {
    const run = this.#runs.at(-1)
    if (run === undefined || run.isOver || use.from >= run.last + defaults.runGap)
      this.#uses = [...this.#uses, use].slice(-MOST_USES)
    else {
      run.addBusy(use)
      run.change = change
    }
  }

  /**
   * Ends the last run if it has had no job for long enough.
   *
   * @param isWaiting Whether a bulk job waits.
   * @param change Number of the change, if there is one.
   * @returns Whether it has ended now.
   */
  settle(now: number, isWaiting: boolean, change: number): boolean {
    const run = this.#runs.at(-1)
    if (run === undefined || run.isOver || isWaiting || now - run.last < defaults.runGap) return false
    run.isOver = true
    run.change = change
    return true
  }

  /** @param withCurrent Whether the current run is among them in any case. */
  changedSince(change: number, withCurrent = false): RunView[] {
    const isAsked = (run: Run) => run.change > change || (withCurrent && !run.isOver)
    return this.#runs.filter((run) => run.counts && isAsked(run)).map(({ view }) => view)
  }

  get records(): RunRecord[] {
    return this.#runs.map(({ record }) => record)
  }

  restore(records: readonly RunRecord[], change: number): void {
    this.#runs = records.map((record) => new Run(record))
    for (const run of this.#runs) {
      run.change = change
      run.isOver = run !== this.#runs.at(-1)
    }
  }
}
