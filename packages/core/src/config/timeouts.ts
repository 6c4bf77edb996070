import type * as z from 'zod'
import type { TimeoutOptions } from './policy.ts'
import { timeouts } from './shared-schema.ts'
import { withoutUndefined } from './without-undefined.ts'

export type { TimeoutOptions }

/** Complete, in milliseconds; `Infinity` where there is no limit. */
export type Timeouts = Readonly<z.output<typeof timeouts>>

/**
 * Combines timeouts and fills in the defaults.
 *
 * @param layers From the most specific to the most general: route, backend, policy.
 */
export function resolveTimeouts(...layers: readonly (TimeoutOptions | undefined)[]): Timeouts {
  return timeouts.parse(
    Object.assign({}, ...layers.toReversed().map((layer) => withoutUndefined(layer ?? {}))),
  )
}
