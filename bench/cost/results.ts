import type { Counts } from '../lib/stats.ts'

/** The contents of `cost.json`. */
export interface Results {
  readonly settings: Settings
  readonly contenders: readonly { readonly name: string; readonly label: string }[]
  readonly jobs: readonly { readonly name: string; readonly title: string }[]
  readonly cells: readonly Cell[]
  readonly firstBytes: readonly FirstByte[]
  readonly moved: readonly MovedBytes[]
  readonly peaks: readonly Peak[]
  readonly growths: readonly Growth[]
  /** Microseconds to classify a body of each size, one entry for each round. */
  readonly classification: readonly { readonly small: number; readonly large: number }[]
}

export interface Settings {
  readonly quick: boolean
  readonly rounds: number
  /** How long wrk runs for each figure. */
  readonly seconds: number
  readonly connections: readonly number[]
}

/** A contender with one job and so many connections. */
export interface Cell {
  readonly contender: string
  readonly job: string
  readonly connections: number
  /** In the order in which they were measured: the same number is the same time for all contenders. */
  readonly rounds: readonly Round[]
  readonly failures: Counts
}

export interface Round {
  /** Requests a second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** CPU time of the proxy for each request, in microseconds; `null` without a proxy. */
  readonly cpu: number | null
}

export interface FirstByte {
  readonly contender: string
  /** Milliseconds from the client's first chunk of a slow upload to the first byte at the backend, one for each round. */
  readonly delays: readonly number[]
  readonly failures: Counts
}

/** Bytes that the proxy reads and writes for a request of so many bytes. */
export interface MovedBytes {
  readonly contender: string
  readonly job: string
  readonly size: number
  readonly read: number
  readonly written: number
}

/** Memory for so many uploads at once. */
export interface Peak {
  readonly contender: string
  readonly uploads: number
  /** Bytes a second of each; `null` for as fast as it goes. */
  readonly rate: number | null
  /** Bytes. */
  readonly peak: number
  readonly failures: Counts
}

export interface Growth {
  readonly contender: string
  /** Resident bytes after so many requests, the first after none but one of each kind. */
  readonly samples: readonly (readonly [requests: number, rss: number])[]
  readonly failures: Counts
}
