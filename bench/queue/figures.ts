import type { BackendName, FaultRow } from '../../test/support/fault-rows.ts'
import type { JobRecord } from '../../test/support/immich-client.ts'
import { addCounts, percentile } from '../lib/stats.ts'
import { overlap, possibleJobs, type Span, type Timeline } from './timeline.ts'

/** p95 of searches sent straight to an idle backend. */
export type IdleP95 = Readonly<Record<BackendName, number>>

/** When the gateway was restarted, in milliseconds from the start of the row. */
export interface Restart {
  readonly signalled: number
  readonly exited: number
  readonly listening: number
}

/** The figures of a row from the records of its load. Their times are milliseconds from the start of the row. */
export function figuresOf(
  row: FaultRow,
  timeline: Timeline,
  records: readonly JobRecord[],
  idle: IdleP95,
  restart?: Restart,
) {
  const isSearch = ({ job }: JobRecord) => job === 'textSearch'
  const bulk = records.filter((record) => !isSearch(record) && !record.undecodable)
  const searches = records.filter(isSearch)
  const down = spansWithoutBackend(row, timeline, restart)
  const overlaps = ({ start, end }: JobRecord) => {
    const span = { from: start / 1000, to: Math.max(end ?? timeline.seconds * 1000, start + 1) / 1000 }
    return down.some((each) => overlap(each, span) > 0)
  }
  const lost = bulk.filter(({ failure }) => failure !== null)
  const stopped = lost.filter((record) => restart !== undefined && refusedWhileStopped(record, restart))
  const draining = lost.filter(
    ({ end }) =>
      restart !== undefined && end !== null && end >= restart.signalled && end <= restart.listening,
  )
  const lostSearches = searches.filter(({ failure }) => failure !== null)
  const latencies = searches
    .filter((search) => search.failure === null)
    .filter((search) => search.start >= timeline.faultAt * 1000 && !overlaps(search))
    .map(({ start, end }) => (end ?? timeline.seconds * 1000) - start)
  return {
    /** Good jobs lost, except those in `restart.stopped`. */
    lost: lost.length - stopped.length,
    done: bulk.filter(isDone).length,
    /** Jobs without an answer 5 s after the end of the row. */
    unfinished: bulk.filter(({ end }) => end === null).length,
    /** Throughput in the window, by what the healthy backends can do. */
    share: doneInWindow(row, timeline, bulk, searches) / possibleJobs(row, timeline),
    /** Searches lost while a backend could serve them, and while none could. */
    searchesLost: lostSearches.filter((search) => !overlaps(search)).length,
    searchesLostDown: lostSearches.filter(overlaps).length,
    /** Of searches sent since the fault while a backend could serve them; `null` without any. */
    searchP95: latencies.length === 0 ? null : percentile(latencies, 0.95),
    /** Of the backends that are left, idle. */
    idleP95: row.searches?.includes('gpu') === false && row.lasts === undefined ? idle.nas : idle.gpu,
    /** Good jobs lost between SIGTERM and the end of the gateway, and while nothing listened. */
    restart:
      restart === undefined ? null : { draining: draining.length - stopped.length, stopped: stopped.length },
    failures: lost.map(({ failure }) => ({ [failure ?? '']: 1 })).reduce(addCounts, {}),
  }
}

/** Searches count too if they take from the capacity for images. */
function doneInWindow(
  { images, searches: search }: FaultRow,
  { window }: Timeline,
  bulk: readonly JobRecord[],
  searches: readonly JobRecord[],
): number {
  const counted = images?.join() === search?.join() ? [...bulk, ...searches] : bulk
  const isInside = ({ end }: JobRecord) => end !== null && end >= window.from * 1000 && end < window.to * 1000
  return counted.filter((record) => isDone(record) && isInside(record)).length
}

function spansWithoutBackend(row: FaultRow, { faulty }: Timeline, restart: Restart | undefined): Span[] {
  const down = row.searches?.length === 0 ? faulty : []
  return restart === undefined
    ? [...down]
    : [...down, { from: restart.signalled / 1000, to: restart.listening / 1000 }]
}

/** A gateway that drains keeps its port open, so a refused connection means that nothing listens. */
function refusedWhileStopped(
  { end, failure }: JobRecord,
  { signalled, exited, listening }: Restart,
): boolean {
  if (end === null || end > listening) return false
  return end > exited || (failure === 'ECONNREFUSED' && end > signalled)
}

function isDone({ end, failure }: JobRecord): boolean {
  return end !== null && failure === null
}
