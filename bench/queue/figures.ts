import type { BackendName, FaultRow } from '../../test/support/fault-rows.ts'
import type { JobRecord } from '../../test/support/immich-client.ts'
import { addCounts, percentile } from '../lib/stats.ts'
import { overlap, possibleJobs, type Span, type Timeline } from './timeline.ts'

/** The contents of `queue.json`. Times are milliseconds unless their names say otherwise. */
export interface Results {
  readonly settings: { readonly seconds: number }
  /** p95 of searches sent straight to an idle backend. */
  readonly idle: Readonly<Record<BackendName, number>>
  readonly contenders: readonly { readonly name: string; readonly label: string }[]
  readonly rows: readonly { readonly name: string; readonly label: string }[]
  readonly cells: readonly Cell[]
}

/** One contender in one row. */
export interface Cell {
  readonly row: string
  readonly contender: string
  /** Good jobs lost, without those of `restart.stopped`. */
  readonly lost: number
  /** Good jobs done. */
  readonly done: number
  /** Jobs without an answer 5 s after the end of the row. */
  readonly unfinished: number
  /** Throughput in the window, as a share of what the healthy backends can do. */
  readonly share: number
  /** Searches lost while a backend could serve them, and while none could. */
  readonly searchesLost: number
  readonly searchesLostDown: number
  /** Of searches sent since the fault while a backend could serve them, but for lost ones; `null` without any. */
  readonly searchP95: number | null
  /** p95 of the backends that are left, idle. */
  readonly idleP95: number
  /** Good jobs lost between SIGTERM and the end of the gateway, and while nothing listened. */
  readonly restart: { readonly draining: number; readonly stopped: number } | null
  /** Lost jobs by reason. */
  readonly failures: Readonly<Record<string, number>>
  /** Cores that the load generator used. */
  readonly generatorCores: number
}

/** When the gateway was restarted, in milliseconds from the start of the row. */
export interface Restart {
  readonly signalled: number
  readonly exited: number
  readonly listening: number
}

type Figures = Omit<Cell, 'row' | 'contender' | 'generatorCores'>

/** The figures of a row from the records of its load. Their times are milliseconds from the start of the row. */
export function figuresOf(
  row: FaultRow,
  timeline: Timeline,
  records: readonly JobRecord[],
  idle: Results['idle'],
  restart?: Restart,
): Figures {
  const isSearch = ({ job }: JobRecord) => job === 'textSearch'
  const bulk = records.filter((record) => !isSearch(record) && !record.undecodable)
  const searches = records.filter(isSearch)
  const down = spansWithoutBackend(row, timeline, restart)
  const overlaps = ({ start, end }: JobRecord) => {
    const span = { from: start / 1000, to: Math.max(end ?? timeline.seconds * 1000, start + 1) / 1000 }
    return down.some((each) => overlap(each, span) > 0)
  }
  const lost = bulk.filter(({ failure }) => failure !== null)
  const stopped = restart === undefined ? [] : lost.filter((record) => refusedWhileStopped(record, restart))
  const draining = lost.filter(
    (record) => restart !== undefined && !stopped.includes(record) && isWithin(record, restart),
  )
  const lostSearches = searches.filter(({ failure }) => failure !== null)
  const latencies = searches
    .filter((search) => search.failure === null)
    .filter((search) => search.start >= timeline.faultAt * 1000 && !overlaps(search))
    .map(({ start, end }) => (end ?? timeline.seconds * 1000) - start)
  return {
    lost: lost.length - stopped.length,
    done: bulk.filter(isDone).length,
    unfinished: bulk.filter(({ end }) => end === null).length,
    share: doneInWindow(row, timeline, bulk, searches) / possibleJobs(row, timeline),
    searchesLost: lostSearches.filter((search) => !overlaps(search)).length,
    searchesLostDown: lostSearches.filter(overlaps).length,
    searchP95: latencies.length === 0 ? null : percentile(latencies, 0.95),
    idleP95: row.searches?.includes('gpu') === false && row.lasts === undefined ? idle.nas : idle.gpu,
    restart: restart === undefined ? null : { draining: draining.length, stopped: stopped.length },
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
  return counted.filter(
    (record) =>
      isDone(record) &&
      record.end !== null &&
      record.end >= window.from * 1000 &&
      record.end < window.to * 1000,
  ).length
}

function spansWithoutBackend(row: FaultRow, { faulty }: Timeline, restart: Restart | undefined): Span[] {
  const restarting =
    restart === undefined ? [] : [{ from: restart.signalled / 1000, to: restart.listening / 1000 }]
  return [...(row.searches?.length === 0 ? faulty : []), ...restarting]
}

/** A gateway that drains keeps its port open, so a refused connection means that nothing listens. */
function refusedWhileStopped(
  { end, failure }: JobRecord,
  { signalled, exited, listening }: Restart,
): boolean {
  if (end === null || end > listening) return false
  return end > exited || (failure === 'ECONNREFUSED' && end > signalled)
}

function isWithin({ end }: JobRecord, { signalled, listening }: Restart): boolean {
  return end !== null && end >= signalled && end <= listening
}

function isDone({ end, failure }: JobRecord): boolean {
  return end !== null && failure === null
}
