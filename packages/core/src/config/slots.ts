import type { BackendSettings } from '../backend/backend-settings.ts'
import type { BackendOptions } from './policy.ts'

/** A share below the whole: `25%`. */
export const SHARE_PATTERN = /^[1-9]?\d(\.\d+)?%$/

/** How many requests a backend gets at once, and how many of these are kept. */
export function resolveSlots({
  maxConcurrent,
  reserve,
}: BackendOptions): Pick<BackendSettings, 'maxConcurrent' | 'reserve'> {
  return {
    maxConcurrent: maxConcurrent === 'unlimited' ? Number.POSITIVE_INFINITY : maxConcurrent,
    reserve: typeof reserve === 'string' ? { share: Number.parseFloat(reserve) / 100 } : reserve,
  }
}
