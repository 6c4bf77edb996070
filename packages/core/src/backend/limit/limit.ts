import type { LoopUse } from '../../clock.ts'
import type { Sums } from './sums.ts'

/** A period in which one limit is measured. */
export interface Phase {
  /** It keeps to the limit, tries a higher one, or goes far below it to see how long jobs take when none waits. */
  readonly kind: 'keep' | 'raise' | 'lower'
  readonly limit: number
  readonly since: number
  readonly sums: Sums
  batch: Batch | undefined
}

/** A number of requests in a row. Their latency is known once all have ended, because the short ones end first. */
export interface Batch {
  readonly phase: Phase
  readonly sums: Sums
  toBegin: number
  toEnd: number
}

/** What is remembered of a request from its begin to its end. */
export interface Sample {
  /** How many were in flight as it began, with itself. */
  readonly level: number
  readonly batch: Batch | undefined
  /** What our event loop had done by then. */
  readonly loop: LoopUse
}

/** How many requests a backend gets at once: a configured number, or a learned one. */
export interface Limit {
  readonly current: number
  /** How many it works on at once, as far as is known; the others wait inside it. */
  readonly workers: number
  /** Whether twice as many are being tried. */
  readonly mayGrow: boolean
  /** How many more may wait inside the backend, so that it goes on at once when one ends. */
  readonly standby: number
  /** Whether its jobs end so soon that an urgent request can wait for one. */
  readonly isQuick: boolean
  /** How many urgent requests may exceed the limit. */
  readonly urgentExtra: number
  /** @param inFlight Requests there, with the one that begins. */
  begin(inFlight: number): Sample | undefined
  /** @param taken Milliseconds; `undefined` when they say nothing, as when the request failed. */
  end(sample: Sample, kind: string, taken: number | undefined): void
}
