import type { BackendName, FaultRow } from '../../test/support/fault-rows.ts'
import { sum } from '../lib/stats.ts'

export interface BackendSpec {
  readonly name: BackendName
  /** Requests that it computes at once. */
  readonly threads: number
  /** Milliseconds for each request. */
  readonly time: number
}

/** In the order of the URLs. */
export const BACKENDS: readonly BackendSpec[] = [
  { name: 'gpu', threads: 4, time: 20 },
  { name: 'nas', threads: 1, time: 150 },
]

/** Seconds of a row as the benchmark defines it. Shorter rows are scaled. */
export const FULL = 20
const FAULT_AT = 2
/** Of a short row at most this share comes before the fault. */
const MOST_BEFORE = 0.3
const SETTLING = 5

/** A stretch of a row, in seconds. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** When what happens in a row. Times are seconds from its start. */
export interface Timeline {
  readonly seconds: number
  readonly faultAt: number
  /** When the backends are broken. */
  readonly faulty: readonly Span[]
  /** When throughput is measured. */
  readonly window: Span
}

export function timelineOf(row: FaultRow, seconds: number): Timeline {
  const scale = Math.min(1, seconds / FULL)
  const faultAt = Math.min(FAULT_AT, MOST_BEFORE * seconds)
  const faulty = row.faults === undefined ? [] : faultySpans(row, faultAt, seconds, scale)
  const settledFrom = row.lasts === undefined ? faultAt : (faulty[0]?.to ?? faultAt)
  const from = settledFrom + Math.min(SETTLING, (seconds - settledFrom) / 2)
  return { seconds, faultAt, faulty, window: { from, to: seconds } }
}

function faultySpans({ period, lasts }: FaultRow, faultAt: number, seconds: number, scale: number): Span[] {
  if (period === undefined)
    return [{ from: faultAt, to: lasts === undefined ? seconds : faultAt + lasts * scale }]
  const length = period * scale
  const count = Math.ceil((seconds - faultAt) / (2 * length))
  return Array.from({ length: count }, (_, i) => {
    const from = faultAt + 2 * i * length
    return { from, to: Math.min(seconds, from + length) }
  })
}

/** Jobs that the healthy backends can do in the window, by their threads and service times. */
export function possibleJobs({ images, faults }: FaultRow, { faulty, window }: Timeline): number {
  const during = sum(faulty.map((span) => overlap(span, window)))
  return during * capacity(images, faults) + (window.to - window.from - during) * capacity()
}

export function overlap(a: Span, b: Span): number {
  return Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from))
}

/** Jobs a second, of all backends by default. A fault of the memory leaves a backend fewer at once. */
function capacity(names: readonly BackendName[] = ['gpu', 'nas'], faults: FaultRow['faults'] = {}): number {
  const healthy = BACKENDS.filter(({ name }) => names.includes(name))
  return sum(
    healthy.map(({ name, threads, time }) => {
      const fault = faults[name]
      const memory = typeof fault === 'object' && fault.kind === 'memory' ? fault.requests : threads
      return (Math.min(threads, memory) * 1000) / time
    }),
  )
}
