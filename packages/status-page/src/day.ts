import type { Job } from './archive.ts'
import { defaults } from './defaults.ts'
import { Histogram } from './histogram.ts'
import { rounded } from './tally.ts'
import type { BucketView, Fate, JobKind } from './wire.ts'
import { type BusyTimes, Works } from './works.ts'

type P95s = { readonly [kind in JobKind]?: { readonly count: number; readonly p95: number } | undefined }

/** Shortest time to which busy time is related, in milliseconds. */
const LEAST_TIME = 1_000

class Bucket {
  readonly at: number
  readonly #fates: { [fate in Fate]?: number | undefined }
  readonly #works: Works
  readonly #histograms = new Map<JobKind, Histogram>()
  /** Of the process before this one, or of the whole bucket after its end. */
  #latencies: P95s
  /** Number of its last change. */
  change = 0
  isOver = false

  constructor({ at, fates, latencies, backends }: BucketView) {
    this.at = at
    this.#fates = { ...fates }
    this.#latencies = latencies
    const works = Object.entries(backends).map(([name, { jobs, busy = 0 }]) => [
      name,
      { jobs, busy: busy * defaults.bucket },
    ])
    this.#works = new Works(Object.fromEntries(works))
  }

  add({ fate, kind, time, backend }: Job): void {
    this.#fates[fate] = (this.#fates[fate] ?? 0) + 1
    if (backend !== undefined) this.#works.addJob(backend)
    if (fate !== 'answered' && fate !== 'rescued') return
    const histogram = this.#histograms.get(kind) ?? new Histogram()
    this.#histograms.set(kind, histogram)
    histogram.add(time)
  }

  addBusy(busy: BusyTimes): void {
    this.#works.addBusy(busy)
  }

  /** Keeps only what the view shows. */
  shrink(): void {
    if (this.#histograms.size === 0) return
    this.#latencies = this.#allLatencies
    this.#histograms.clear()
    this.#works.shrink()
  }

  /** @param now The busy time is related to the time until then. */
  viewAt(now: number): BucketView {
    const { at } = this
    const backends = this.#works.views(Math.max(LEAST_TIME, Math.min(defaults.bucket, now - at)))
    return { at, fates: { ...this.#fates }, latencies: this.#allLatencies, backends }
  }

  get #allLatencies(): P95s {
    const latencies: { -readonly [kind in JobKind]?: P95s[kind] } = { ...this.#latencies }
    for (const [kind, histogram] of this.#histograms) {
      const { count } = histogram
      const p95 = histogram.percentile(95)
      // A restart splits a bucket. The percentile of both parts is unknown, so that of the larger part counts.
      if (p95 !== undefined && count >= (latencies[kind]?.count ?? 0))
        latencies[kind] = { count, p95: rounded(p95) }
    }
    return latencies
  }
}

/** The last 24 hours in buckets of 5 minutes, by the time of day. Only the last two change. */
export class Day {
  /** Oldest first, without gaps of time being filled. */
  #buckets: Bucket[] = []

  /** @param change Number of the change. */
  add(job: Job, change: number): void {
    const bucket = this.#at(job.at)
    bucket.add(job)
    bucket.change = change
  }

  /** Adds the busy time between two times, to each bucket its part. */
  addBusy(busy: BusyTimes, from: number, to: number, change: number): void {
    const time = to - from
    for (let at = Math.max(startOf(from), startOf(to) - defaults.bucket); at < to; at += defaults.bucket) {
      const part = (Math.min(to, at + defaults.bucket) - Math.max(from, at)) / time
      const bucket = this.#at(at)
      bucket.addBusy(new Map([...busy].map(([name, each]) => [name, each * part])))
      bucket.change = change
    }
  }

  /** The bucket of a time, which is that of the last bucket, of the one before, or later. */
  #at(time: number): Bucket {
    const at = startOf(time)
    const last = this.#buckets.at(-1)
    if (last?.at === at) return last
    // After the clock was set back, the buckets of the time to come are wrong.
    this.#buckets = this.#buckets.filter(
      (bucket) => bucket.at <= at + defaults.bucket && bucket.at > at - defaults.day,
    )
    const known = this.#buckets.find((bucket) => bucket.at === at)
    if (known !== undefined) return known
    const bucket = new Bucket({ at, fates: {}, latencies: {}, backends: {} })
    this.#buckets = [...this.#buckets, bucket].sort((a, b) => a.at - b.at)
    this.#buckets.at(-3)?.shrink()
    return bucket
  }

  /**
   * Ends the last bucket once its time is over, so that its busy shares are those of all its time.
   *
   * @param change Number of the change, if there is one.
   * @returns Whether it has ended now.
   */
  settle(now: number, change: number): boolean {
    const last = this.#buckets.at(-1)
    if (last === undefined || last.isOver || now < last.at + defaults.bucket) return false
    last.isOver = true
    last.change = change
    return true
  }

  changedSince(change: number, now: number): BucketView[] {
    return this.#since(now)
      .filter((bucket) => bucket.change > change)
      .map((bucket) => bucket.viewAt(now))
  }

  /** The views of all buckets, as if all had ended. */
  records(now: number): BucketView[] {
    return this.#since(now).map((bucket) => bucket.viewAt(Number.POSITIVE_INFINITY))
  }

  #since(now: number): Bucket[] {
    const oldest = startOf(now) - defaults.day
    return this.#buckets.filter(({ at }) => at > oldest)
  }

  /** @param change Number of the change. */
  restore(views: readonly BucketView[], now: number, change: number): void {
    const [current, oldest] = [startOf(now), startOf(now) - defaults.day]
    this.#buckets = views.filter(({ at }) => at > oldest && at <= current).map((view) => new Bucket(view))
    for (const bucket of this.#buckets) bucket.change = change
  }
}

function startOf(time: number): number {
  return Math.floor(time / defaults.bucket) * defaults.bucket
}
