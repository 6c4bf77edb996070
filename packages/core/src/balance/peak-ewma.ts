import type { Backend } from '../backend/backend.ts'
import { defaults } from '../config/defaults.ts'
import { keepLatest } from '../keep-latest.ts'
import { first } from './first.ts'
import { rankedBy } from './least-by.ts'
import { Sheet, UNKNOWN } from './sheet.ts'
import type { Job, Rating, Strategy } from './strategy.ts'

/**
 * The backend that will be done first, as far as is known: by what is ahead of the request there and by how long such a
 * job takes there, divided by its weight. One that is full may be worth waiting for: the last images of an import do not
 * go to a NAS that would finish after the GPU has done them all.
 */
export function peakEwma(): Strategy {
  const turns = first()
  const sheets = new Map<string, Sheet>()
  const sheetOf = (kind: string): Sheet => {
    const known = sheets.get(kind)
    if (known !== undefined) return known
    const made = new Sheet(kind)
    // Names come from clients, and must not fill the memory.
    keepLatest(sheets, kind, made, defaults.mostKinds)
    return made
  }
  return {
    waits: true,
    pick: (candidates, job) => {
      const sheet = sheetOf(job.kind)
      sheet.update(candidates)
      const at = cheapest(candidates, sheet, job)
      const best = candidates[at] ?? candidates[0]
      return best.endpoint === undefined ? best : turns.pick(equalsOf(best, at, candidates, sheet), job)
    },
    rank(candidates, job) {
      const sheet = new Sheet(job.kind)
      sheet.update(candidates)
      const load = loadOf(sheet, job)
      const costs = candidates.map((_, i) => cost(candidates, i, sheet, job, load, Number.POSITIVE_INFINITY))
      const ranked = rankedBy([...candidates.entries()], ([i]) => costs[i] ?? 0)
      const [[at, best] = [0, candidates[0]]] = ranked
      const [next] = best.endpoint === undefined ? [] : turns.rank(equalsOf(best, at, candidates, sheet), job)
      const ratings = ranked.map(([i, backend]): Rating => {
        const score = costs[i] ?? 0
        return { backend, score, words: inWords(backend, score, job) }
      })
      const isChosen = ({ backend }: Rating) => backend === (next?.backend ?? best)
      return [...ratings.filter(isChosen), ...ratings.filter((rating) => !isChosen(rating))]
    },
  }
}

/** Which one costs the least; the first of equals. */
function cheapest(candidates: readonly Backend[], sheet: Sheet, job: Job): number {
  const load = loadOf(sheet, job)
  let best = 0
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < sheet.size; i++) {
    const its = cost(candidates, i, sheet, job, load, least)
    if (its < least) {
      best = i
      least = its
    }
  }
  return best
}

/** What all of them have to do already. */
interface Load {
  /** How long those take who wait already, in milliseconds. */
  readonly line: number
  /** How many have to wait longer when one waits for a slot that they could have had. */
  readonly followers: number
}

function loadOf(sheet: Sheet, job: Job): Load {
  const rate = job.queued === 0 ? 0 : rateOf(sheet)
  return {
    // Where nobody has done such a job yet, it is not known how long those ahead will take.
    line: rate === 0 ? 0 : job.queued / rate,
    followers: job.urgent ? 0 : FOLLOWERS * inFlightOn(sheet),
  }
}

function inWords({ inFlight, limit, workers, weight }: Backend, cost: number, { kind }: Job): string {
  const job = kind === '' ? 'such a job' : kind
  if (cost < 0) return `idle, and it is to be found out how long ${job} takes there`
  if (cost >= UNKNOWN) return `it is being found out how long ${job} takes there`
  const inside = inFlight >= workers ? ', the wait inside included' : ''
  const wait = inFlight >= limit ? ', the wait for a slot included' : inside
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
  at: number,
  candidates: readonly [Backend, ...Backend[]],
  sheet: Sheet,
): readonly [Backend, ...Backend[]] {
  if (!sheet.isMeasured(at)) return [best]
  const isWell = best.wellFor(defaults.latencyDecay)
  const [one = best, ...others] = candidates.filter(
    (other, i) =>
      other.name === best.name &&
      sheet.inFlight(i) < sheet.limit(i) &&
      sheet.isMeasured(i) &&
      (!isWell || other.wellFor(defaults.latencyDecay)),
  )
  return [one, ...others]
}

/**
 * When the request would be done, in milliseconds from now, and what it costs others.
 *
 * @param least The least cost so far: what is above it need not be known.
 */
function cost(
  candidates: readonly Backend[],
  i: number,
  sheet: Sheet,
  job: Job,
  { line, followers }: Load,
  least: number,
): number {
  const inFlight = sheet.inFlight(i)
  const limit = sheet.limit(i)
  const workers = sheet.workers(i)
  const weight = sheet.weight(i)
  const latency = sheet.isMeasured(i) ? sheet.latency(i) : sheet.estimate(i, candidates)
  // One request finds out, and others go where it is known; where it is known nowhere, to the one with the fewest.
  if (Number.isNaN(latency)) return inFlight === 0 ? -1 : UNKNOWN + inFlight
  // What was slow may have become quick meanwhile. Nobody in a hurry finds that out.
  if (inFlight === 0 && !job.urgent && sheet.hasForgotten(i)) return -1
  // Without a limit it is not known how many it works on at once, and one after the other is safe to say.
  if (limit === Number.POSITIVE_INFINITY) return ((candidates[i]?.ahead ?? 0) + latency) / weight
  if (inFlight < Math.min(workers, limit)) return latency / weight
  // When an import is at its end, nobody comes behind.
  const behind = job.sinceLast > latency ? 0 : followers
  if (inFlight < limit) {
    // Where others wait outside, no server is idle that this one could go to. And what may be more is to be found out.
    const isWanted = job.queued > 0 || sheet.mayHaveMore(i)
    const inside = (isWanted ? latency : latency + (behind * latency) / workers) / weight
    return inside >= least ? inside : inside + (candidates[i]?.workerFreeIn ?? 0) / weight
  }
  const known = (line + latency + (behind * latency) / limit) / weight
  return known >= least ? known : known + (candidates[i]?.freeIn ?? 0) / weight
}

/** Jobs of this kind that they all can do in a millisecond. */
function rateOf(sheet: Sheet): number {
  let rate = 0
  for (let i = 0; i < sheet.size; i++) {
    // Jobs that take no time are done at any rate.
    if (sheet.isMeasured(i)) rate += Math.min(sheet.limit(i), sheet.inFlight(i) + 1) / sheet.latency(i)
  }
  return rate
}

function inFlightOn(sheet: Sheet): number {
  let inFlight = 0
  for (let i = 0; i < sheet.size; i++) inFlight += sheet.inFlight(i)
  return inFlight
}

/**
 * During an import each image that is done is followed by another, and nobody waits for any of them in particular: what
 * counts is that every server works. By simulation: with 0 the slower half of eight servers stands still at times, with 3
 * the end of an import waits for the slowest (docs/benchmarks.md).
 */
const FOLLOWERS = 1.5
