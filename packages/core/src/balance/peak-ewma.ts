import type { BackendView } from '../backend/backend-view.ts'
import { defaults } from '../config/defaults.ts'
import { inFlightPerWeight } from './first.ts'
import type { Candidate, Job, Ranked, Strategy } from './strategy.ts'
import { Turns } from './turns.ts'

/**
 * The backend that will be done first, as far as is known: by the work ahead of the request there and by the latency of such
 * jobs there, divided by its weight. A full one may be worth waiting for: the last images of an import do not go to a NAS
 * that would finish after the GPU machine has done them all.
 */
export function peakEwma(): Strategy {
  const turns = new Turns()
  return {
    rank(candidates, job) {
      const rows = candidates.map((candidate) => new Row(candidate, job))
      const load = loadOf(rows, job)
      // By insertion: most pools are small, and this is done for every request.
      const ranked: Row[] = []
      for (const row of rows) {
        if (!row.isRecovering) row.score = costOf(row, job, load)
        let place = ranked.length
        for (
          let before = ranked[place - 1];
          before !== undefined && before.score > row.score;
          before = ranked[place - 1]
        ) {
          ranked[place--] = before
        }
        ranked[place] = row
      }
      const [best] = ranked
      if (best === undefined || best.backend.endpoint === undefined) return ranked
      const [next = best] = turns.rank(equalsOf(best, rows), inFlightPerWeight)
      return [next, ...ranked.filter((row) => row !== next)]
    },
    // Only the endpoints of one backend take turns.
    picked: (backend) => {
      if (backend.endpoint !== undefined) turns.picked(backend)
    },
  }
}

/** A candidate while it is compared. */
class Row implements Candidate, Ranked {
  readonly backend: BackendView
  readonly isFull: boolean
  readonly inFlight: number
  readonly limit: number
  readonly workers: number
  /** How long such a job takes there, in milliseconds; `undefined` when that was not measured. */
  readonly latency: number | undefined
  /** When it can take the request is not known: it is coming back. */
  readonly isRecovering: boolean
  readonly kind: string
  /** The cost of sending the request there, in milliseconds. */
  score = UNUSABLE

  constructor({ backend, isFull }: Candidate, { kind, urgent }: Job) {
    this.backend = backend
    this.isFull = isFull
    this.inFlight = backend.inFlight
    this.limit = backend.limit.current
    this.workers = backend.limit.workers
    this.latency = backend.latency.expected(kind)
    this.isRecovering = isFull && backend.limit.hasSlot(urgent)
    this.kind = kind
  }

  reason(): string {
    const { score, inFlight, limit, workers } = this
    const { weight } = this.backend
    const job = this.kind === '' ? 'such a job' : this.kind
    if (this.isRecovering) return 'coming back'
    if (score < 0) return `idle, and it is to be found out how long ${job} takes there`
    if (score >= UNKNOWN) return `it is being found out how long ${job} takes there`
    const inside = inFlight >= workers ? ', the wait inside included' : ''
    const wait = inFlight >= limit ? ', the wait for a slot included' : inside
    const share = weight === 1 ? '' : `, divided by its weight of ${weight}`
    return `expected to be done in ${Math.round(score)} ms${wait}${share}`
  }
}

/** What the other requests add to the cost. */
interface Load {
  /** How long the queued requests take, in milliseconds. */
  readonly queue: number
  /** How many requests wait longer when this one takes a slot they could have had. */
  readonly followers: number
  /** The backend that the latencies of others are estimated by; `undefined` when all are measured. */
  readonly quickest: Row | undefined
}

function loadOf(rows: readonly Row[], job: Job): Load {
  let inFlight = 0
  /** Jobs of this kind that all of them can do in a millisecond. */
  let rate = 0
  let isMeasured = true
  for (const row of rows) {
    if (row.isRecovering) continue
    inFlight += row.inFlight
    if (row.latency === undefined) isMeasured = false
    // Jobs that take no time are done at any rate.
    else rate += Math.min(row.limit, row.inFlight + 1) / row.latency
  }
  return {
    // Where no backend has done such a job yet, it is not known how long those ahead will take.
    queue: rate === 0 || job.queued === 0 ? 0 : job.queued / rate,
    followers: job.urgent ? 0 : FOLLOWERS * inFlight,
    quickest: isMeasured ? undefined : quickestOf(rows),
  }
}

/** When the request would be done, in milliseconds from now, and what it costs others. */
function costOf(row: Row, job: Job, { queue, followers, quickest }: Load): number {
  const { backend, inFlight, limit, workers } = row
  const { weight } = backend
  const latency = row.latency ?? estimateOf(row, quickest)
  // One request measures it, the others go where it is known; where it is known nowhere, to the one with the fewest.
  if (latency === undefined) return inFlight === 0 ? -1 : UNKNOWN + inFlight
  // It may have become quick since it was slow. No urgent request finds that out.
  if (inFlight === 0 && !job.urgent && (backend.latency.sinceDone(job.kind) ?? 0) > defaults.latencyForgotten)
    return -1
  // Without a limit it is not known how many it works on at once; one after the other is a safe assumption.
  if (limit === Number.POSITIVE_INFINITY) return (backend.limit.ahead + latency) / weight
  if (inFlight < Math.min(workers, limit)) return latency / weight
  // At the end of an import no request follows.
  const behind = job.sinceLast > latency ? 0 : followers
  if (inFlight < limit) {
    // Where requests are queued, no backend is idle that this one could go to. And a higher limit has to be tried.
    const isWanted = job.queued > 0 || backend.limit.mayGrow
    const inside = isWanted ? latency : latency + (behind * latency) / workers
    return inside / weight + backend.limit.workerFreeIn / weight
  }
  return (queue + latency + (behind * latency) / limit) / weight + backend.limit.slotFreeIn / weight
}

/**
 * What the latency may be, by how other kinds of jobs compare to the quickest backend. Where no backend has done this kind,
 * an average job compares them as well.
 */
function estimateOf({ backend }: Row, quickest: Row | undefined): number | undefined {
  if (quickest === undefined) return undefined
  const ratio = backend.latency.ratioTo(quickest.backend.latency)
  const there = quickest.latency ?? quickest.backend.latency.average
  return ratio === undefined || there === undefined ? undefined : ratio * there
}

/** The quickest at this kind of job; at any, as long as no backend has done this one. */
function quickestOf(rows: readonly Row[]): Row | undefined {
  let quickest: Row | undefined
  let least = Number.POSITIVE_INFINITY
  for (const row of rows) {
    if (row.isRecovering) continue
    const time = row.latency ?? UNKNOWN + (row.backend.latency.average ?? UNKNOWN)
    if (time < least) {
      quickest = row
      least = time
    }
  }
  return quickest
}

/**
 * The best one and its siblings that have a slot. Endpoints of one backend are replicas: that one was slower is chance, or it
 * had to load its models, and without requests it would stay the slower one. One that has failed recently gets none, and one
 * that is being measured gets no second request.
 */
function equalsOf(best: Row, rows: readonly Row[]): readonly Row[] {
  if (best.latency === undefined) return [best]
  const isProven = best.backend.health.wellFor(defaults.latencyDecay)
  const equals = rows.filter(
    ({ backend, inFlight, limit, latency, isRecovering }) =>
      backend.name === best.backend.name &&
      inFlight < limit &&
      latency !== undefined &&
      !isRecovering &&
      (!isProven || backend.health.wellFor(defaults.latencyDecay)),
  )
  return equals.length === 0 ? [best] : equals
}

/** Longer than any latency that is known, in milliseconds. */
const UNKNOWN = 1e12
const UNUSABLE = Number.POSITIVE_INFINITY
/**
 * During an import each image that is done is followed by another, and no request is waiting for one of them in particular:
 * what counts is that every backend works. By simulation: with 0 the slower half of eight backends stands still at times,
 * with 3 the end of an import waits for the slowest (docs/decisions/0011).
 */
const FOLLOWERS = 1.5
