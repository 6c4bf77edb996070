import type { HealthView } from './health/health-view.ts'
import type { LatencyView } from './latency/latency-tracker.ts'
import type { LimitView } from './limit/concurrency-limit.ts'

/** A backend's identity, without its credentials. */
export interface BackendInfo {
  readonly name: string
  /** The base URL as configured, without credentials. */
  readonly url: string
  /** Its address, such as `10.0.0.3:3003`, when it is one of several that its name has. */
  readonly endpoint: string | undefined
}

/** What routing, strategies and explanations see of a backend, or of one endpoint of a backend that has several. */
export interface BackendView extends BackendInfo {
  /** Tells it from every other backend, also from earlier ones of the same name: `ml@10.0.0.3:3003`. */
  readonly id: string
  /** Share in the weighted strategies, above 0. */
  readonly weight: number
  /** A higher tier is used only when no backend of a lower one is available. */
  readonly tier: number
  /** Requests that hold a lease on it. */
  readonly inFlight: number
  readonly limit: LimitView
  readonly latency: LatencyView
  readonly health: HealthView
  /** Whether its settings let it serve all of these tasks. No tasks stand for an unclassified request, which may be of any. */
  serves(tasks: readonly string[]): boolean
}

/** What tells a backend from every other, also from earlier ones of the same name. */
export function idOf({ name, url, endpoint }: BackendInfo): string {
  return `${name}@${endpoint ?? url}`
}
