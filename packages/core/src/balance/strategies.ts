import type { StrategyName } from '../config/policy.ts'
import { first } from './first.ts'
import { leastConn } from './least-conn.ts'
import { modelAffinity } from './model-affinity.ts'
import { peakEwma } from './peak-ewma.ts'
import { roundRobin } from './round-robin.ts'
import type { Strategy } from './strategy.ts'
import { weightedRoundRobin } from './weighted-round-robin.ts'

/** Every strategy that a policy can name. */
export const strategies = {
  first,
  'round-robin': roundRobin,
  'weighted-round-robin': weightedRoundRobin,
  'least-conn': leastConn,
  'peak-ewma': peakEwma,
  'model-affinity': modelAffinity,
} as const satisfies Record<StrategyName, () => Strategy>

export type { StrategyName }
