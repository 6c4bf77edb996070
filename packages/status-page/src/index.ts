/**
 * A live status page of a router.
 *
 * @module status-page
 */

export { type StatusPage, type StatusPageOptions, statusPage } from './status-page.ts'
export type {
  AttemptView,
  BackendView,
  DecisionView,
  Fate,
  Fates,
  Figures,
  HealthState,
  HealthView,
  JobView,
  Kind,
  Latencies,
  LatencyView,
  Limits,
  Report,
  SpanView,
  TaskView,
  WaiterView,
  WaitingView,
} from './wire.ts'
