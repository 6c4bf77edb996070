import type { JobKeys } from '../backend/job-keys.ts'
import type { Classification } from '../classify/classification.ts'
import type { RequestHead } from '../incoming-message.ts'
import type { CompiledRoute } from './compile-policy.ts'
import type { Place } from './lease.ts'
import type { Patience } from './patience.ts'
import type { OnDecision } from './select-options.ts'

/** A request that a route can be matched with. */
export interface Routable {
  readonly classification: Classification
  readonly head: RequestHead
  /** The unit of fairness in the queue, empty for requests without a tenant; `undefined` when the policy has no tenants. */
  readonly tenant: string | undefined
}

/** A request on a route: everything about it that a decision depends on. */
export interface RouteRequest extends Routable {
  readonly route: CompiledRoute
  /** The longest waits. */
  readonly patience: Patience
  /** `task/type/model` of each entry: jobs of one kind take about as long. */
  readonly kind: string
  /** Tasks and models: what a backend must have loaded. */
  readonly models: string
  /** The keys of the request's health on a backend. */
  readonly job: JobKeys
  /** Above 0 for interactive requests. */
  readonly priority: number
  /** Names or ids of backends that must not be chosen. */
  readonly exclude: ReadonlySet<string>
  /** Names or ids of backends that are chosen only when no other is available. */
  readonly avoid: ReadonlySet<string>
  /** Whether the request was sent before: then a backend without recent failures is preferred. */
  readonly retry: boolean
  readonly place: Place
  /** Whether the body has arrived. */
  readonly isReady: () => boolean
  /** When the request may be sent at the earliest, on the clock. */
  readonly notBefore: number
  /** Whether excluded backends are candidates again once no other is left to wait for. */
  readonly relaxes: boolean
  readonly onDecision: OnDecision | undefined
}
