import { first } from './first.ts'
import { leastConn } from './least-conn.ts'
import { roundRobin } from './round-robin.ts'
import type { Strategy } from './strategy.ts'
import { weightedRoundRobin } from './weighted-round-robin.ts'

/** Every strategy that a policy can name. */
export const strategies = {
  first,
  'round-robin': roundRobin,
  'weighted-round-robin': weightedRoundRobin,
  'least-conn': leastConn,
} as const satisfies Record<string, () => Strategy>

/** The name of a strategy. */
export type StrategyName = keyof typeof strategies
