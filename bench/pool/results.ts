import { toJsonLines } from '../lib/json.ts'
import type { Machine } from '../lib/machine.ts'

/** What `pool.json` holds. Times are in milliseconds. */
export interface Results {
  readonly machine: Machine
  readonly settings: Settings
  readonly pools: readonly PoolResult[]
  readonly contenders: readonly { readonly name: string; readonly label: string }[]
  readonly cells: readonly Cell[]
  readonly imports: readonly Import[]
}

export interface Settings {
  readonly seed: string
  /** How long each contender has for an import with so many in flight, in seconds. */
  readonly seconds: number
  /** How long searches are measured before, while nothing else goes on, in seconds. */
  readonly idleSeconds: number
  readonly inFlight: readonly number[]
}

export interface PoolResult {
  readonly name: string
  readonly title: string
  readonly servers: readonly string[]
  /** From when to when its changing server is slow, in seconds. */
  readonly slow: readonly [from: number, to: number] | null
}

/** One contender on one pool with so many requests in flight. */
export interface Cell {
  readonly pool: string
  readonly contender: string
  readonly inFlight: number
  /** Of the work that the pool could have done at best. */
  readonly share: number
  /** How long each search took before the import. */
  readonly idle: readonly number[]
  /** And meanwhile. */
  readonly busy: readonly number[]
  /** Searches that had no answer in the end; they are in `busy` with the time they had waited. */
  readonly unanswered: number
  readonly bulkMedian: number
  readonly bulkP95: number
  readonly byServer: Readonly<Record<string, number>>
  readonly failures: Readonly<Record<string, number>>
  /** The limits by server, in the order of the pool, at seconds from the beginning of the import. */
  readonly limits: readonly (readonly [at: number, ...limits: (number | null)[]])[]
  /** Cores that the load generator used, how late it was, and for how long it stood still at most. */
  readonly generatorCores: number
  readonly generatorLateness: number
  readonly generatorPause: number
  /** How often it was measured; again, when the machine was disturbed. */
  readonly tries: number
}

/** The import of 200 images, several times. */
export interface Import {
  readonly pool: string
  readonly contender: string
  readonly inFlight: number
  readonly runs: readonly { readonly makespan: number; readonly ideal: number }[]
  readonly failures: Readonly<Record<string, number>>
}

export function toJson(results: Results): string {
  return toJsonLines(results, ['cells', 'imports'])
}
