import type { ClassifyLimits } from '../config/policy.ts'
import { limits as schema } from '../config/router-schema.ts'

export type { ClassifyLimits }

/** Complete; sizes in bytes. */
export type ResolvedLimits = Readonly<ReturnType<typeof resolveLimits>>

/** Completes the limits with their defaults. */
export function resolveLimits(limits: ClassifyLimits = {}) {
  return schema.parse(limits)
}
