import type { Backend } from '../backend/backend.ts'
import { defaults } from '../defaults.ts'
import { first } from './first.ts'
import { leastBy, rankedBy } from './least-by.ts'
import type { Job, Rating, Strategy } from './strategy.ts'

/**
 * The backend that will be done first, as far as is known: by what is ahead of the request there and by how long such a
 * job takes there, divided by its weight. One that is full may be worth waiting for: the last images of an import do not
 * go to a NAS that would finish after the GPU has done them all.
 */
export function peakEwma(): Strategy {
  const turns = first()
  return {
    waits: true,
    pick: (candidates, job) => {
      const best = leastBy(candidates, costsOf(candidates, job))
      return best.endpoint === undefined ? best : turns.pick(equalsOf(best, candidates, job), job)
    },
    rank(candidates, job) {
      const costOf = costsOf(candidates, job)
      const full = (backend: Backend) => costOf(backend, Number.POSITIVE_INFINITY)
      const ranked = rankedBy(candidates, full)
      const [best = candidates[0]] = ranked
      const [next] = best.endpoint === undefined ? [] : turns.rank(equalsOf(best, candidates, job), job)
      const chosen = next?.backend ?? best
      return [chosen, ...ranked.filter((backend) => backend !== chosen)].map(
        (backend): Rating => ({ backend, score: full(backend), words: inWords(backend, full(backend), job) }),
      )
    },
  }
}

/** What each candidate costs; it is told the least so far. */
function costsOf(
  candidates: readonly [Backend, ...Backend[]],
  job: Job,
): (backend: Backend, least: number) => number {
  const line = job.queued === 0 ? 0 : job.queued / rateOf(candidates, job)
  const followers = job.urgent ? 0 : FOLLOWERS * inFlightOn(candidates)
  // Only what has not been measured is compared with another.
  let quickest: Backend | undefined
  return (backend, least) => {
    let latency = backend.expected(job.kind)
    if (latency === undefined) {
      quickest ??= quickestAt(job.kind, candidates)
      latency = backend.estimate(job.kind, quickest)
    }
    return cost(backend, job, latency, line, followers, least)
  }
}

function inWords({ inFlight, limit, weight }: Backend, cost: number, { kind }: Job): string {
  const job = kind === '' ? 'such a job' : kind
  if (cost < 0) return `idle, and it is to be found out how long ${job} takes there`
  if (cost >= UNKNOWN) return `it is being found out how long ${job} takes there`
  const wait = inFlight >= limit ? ', the wait for a slot included' : ''
  const share = weight === 1 ? '' : `, divided by its weight of ${weight}`
  return `expected to be done in ${Math.round(cost)} ms${wait}${share}`
}

/**
 * The best and its siblings that have room, too. Endpoints of one backend are replicas: that one was slower is chance, or it
 * had to load its models, and it would stay the slower one for as long as it gets nothing. One that has failed of late is
 * left alone, and one that is being found out gets no second request.
 */
function equalsOf(
  best: Backend,
  candidates: readonly Backend[],
  { kind }: Job,
): readonly [Backend, ...Backend[]] {
  if (best.expected(kind) === undefined) return [best]
  const isWell = best.wellFor(defaults.latencyDecay)
  const [one = best, ...others] = candidates.filter(
    (other) =>
      other.name === best.name &&
      other.inFlight < other.limit &&
      other.expected(kind) !== undefined &&
      (!isWell || other.wellFor(defaults.latencyDecay)),
  )
  return [one, ...others]
}

/**
 * When the request would be done, in milliseconds from now, and what it costs others.
 *
 * @param line How long those take who wait already.
 * @param followers How many have to wait longer when this one waits for a slot that they could have had.
 * @param least The least cost so far: what is above it need not be known.
 */
function cost(
  backend: Backend,
  job: Job,
  latency: number | undefined,
  line: number,
  followers: number,
  least: number,
): number {
  const { inFlight, limit, weight } = backend
  // One request finds out, and others go where it is known; where it is known nowhere, to the one with the fewest.
  if (latency === undefined) return inFlight === 0 ? -1 : UNKNOWN + inFlight
  // What was slow may have become quick meanwhile. Nobody in a hurry finds that out.
  if (inFlight === 0 && !job.urgent && backend.hasForgotten(job.kind)) return -1
  // Without a limit it is not known how many it works on at once, and one after the other is safe to say.
  if (limit === Number.POSITIVE_INFINITY) return (backend.ahead + latency) / weight
  if (inFlight < limit) return latency / weight
  // When an import is at its end, nobody comes behind.
  const behind = job.sinceLast > latency ? 0 : followers
  const known = (line + latency + (behind * latency) / limit) / weight
  return known >= least ? known : known + backend.freeIn / weight
}

function quickestAt(kind: string, candidates: readonly [Backend, ...Backend[]]): Backend {
  return leastBy(candidates, (backend) => backend.expected(kind) ?? Number.POSITIVE_INFINITY)
}

/** Jobs of this kind that they all can do in a millisecond. */
function rateOf(candidates: readonly Backend[], { kind }: Job): number {
  let rate = 0
  for (const backend of candidates) {
    const latency = backend.expected(kind)
    // Jobs that take no time are done at any rate.
    if (latency !== undefined) rate += Math.min(backend.limit, backend.inFlight + 1) / latency
  }
  return rate
}

function inFlightOn(candidates: readonly Backend[]): number {
  let inFlight = 0
  for (const backend of candidates) inFlight += backend.inFlight
  return inFlight
}

/** Longer than anything that is known. */
const UNKNOWN = 1e12
/**
 * During an import each image that is done is followed by another, and nobody waits for any of them in particular: what
 * counts is that every server works. By simulation: with 0 the slower half of eight servers stands still at times, with 3
 * the end of an import waits for the slowest (docs/benchmarks.md).
 */
const FOLLOWERS = 1.5
