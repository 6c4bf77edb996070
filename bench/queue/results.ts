import type { BackendName } from '../../test/support/fault-rows.ts'
import { toJsonLines } from '../lib/json.ts'
import type { Machine } from '../lib/machine.ts'

/** The contents of `queue.json`. Times are milliseconds unless their names say otherwise. */
export interface Results {
  readonly machine: Machine
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
  /** Jobs with an undecodable image. */
  readonly undecodable: number
  /** Throughput in the window, as a share of what the healthy backends can do. */
  readonly share: number
  readonly searches: number
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

export function toJson(results: Results): string {
  return toJsonLines(results, ['rows', 'cells'])
}
