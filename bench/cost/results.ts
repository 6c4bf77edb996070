import { toJsonLines } from '../lib/json.ts'
import type { Machine } from '../lib/machine.ts'

/** Everything that was measured, as it is saved: tables and plots are made from it alone. */
export interface Results {
  readonly machine: Machine
  readonly settings: Settings
  readonly contenders: readonly { readonly name: string; readonly label: string }[]
  readonly jobs: readonly { readonly name: string; readonly title: string }[]
  readonly cells: readonly Cell[]
  readonly firstBytes: readonly FirstByte[]
  readonly moved: readonly MovedBytes[]
  readonly peaks: readonly Peak[]
  readonly growths: readonly Growth[]
  /** Microseconds that it takes to classify a body of each size; a figure for each round. */
  readonly classification: readonly { readonly small: number; readonly large: number }[]
}

export interface Settings {
  readonly quick: boolean
  readonly rounds: number
  /** How long wrk runs for each figure. */
  readonly seconds: number
  /** Numbers of connections that are measured. */
  readonly connections: readonly number[]
}

/** By what has failed; empty when nothing has. */
export type Failures = Readonly<Record<string, number>>

/** A contender with one job and so many connections. */
export interface Cell {
  readonly contender: string
  readonly job: string
  readonly connections: number
  /** In the order in which they were measured: the same number is the same time for all contenders. */
  readonly rounds: readonly Round[]
  readonly failures: Failures
}

export interface Round {
  /** Requests a second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** CPU time of the proxy for each request, in microseconds; `null` where there is none. */
  readonly cpu: number | null
}

/** From the client's first chunk of a slow upload to the first byte at the backend; milliseconds, one for each round. */
export interface FirstByte {
  readonly contender: string
  readonly delays: readonly number[]
  readonly failures: Failures
}

/** Bytes that the proxy has read and written for a request of so many bytes. */
export interface MovedBytes {
  readonly contender: string
  readonly job: string
  readonly size: number
  readonly read: number
  readonly written: number
}

/** The memory that so many uploads at once have taken. */
export interface Peak {
  readonly contender: string
  readonly uploads: number
  /** Bytes a second of each; `null` for as fast as it goes. */
  readonly rate: number | null
  /** Bytes. */
  readonly peak: number
  /** How long it took until all were done. */
  readonly seconds: number
  readonly failures: Failures
}

/** How the memory of a process goes on with the requests that it has carried. */
export interface Growth {
  readonly contender: string
  /** Bytes behind so many requests, the first behind none but one of each kind. */
  readonly samples: readonly (readonly [requests: number, rss: number])[]
  readonly failures: Failures
}

export function addFailures(a: Failures, b: Failures): Failures {
  const sums = { ...a }
  for (const [what, count] of Object.entries(b)) sums[what] = (sums[what] ?? 0) + count
  return sums
}

/** Everything that has failed in the run. */
export function allFailures({ cells, firstBytes, peaks, growths }: Results): Failures {
  return [...cells, ...firstBytes, ...peaks, ...growths]
    .map(({ failures }) => failures)
    .reduce(addFailures, {})
}

export function toJson(results: Results): string {
  return toJsonLines(results, ['cells', 'firstBytes', 'moved', 'peaks', 'growths', 'classification'])
}
