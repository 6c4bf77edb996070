/**
 * A live status page of a router.
 *
 * @module status-page
 */

export { type StatusPage, type StatusPageOptions, statusPage } from './status-page.ts'
export type {
  AboutView,
  AttemptView,
  BackendView,
  BackendWindow,
  DecisionView,
  Fate,
  Fates,
  HealthState,
  HealthView,
  JobKind,
  JobView,
  Latencies,
  LatencyView,
  Limits,
  NoticeView,
  Report,
  RouteView,
  RouteWindow,
  SpanBackend,
  SpanView,
  TaskView,
  WaiterView,
  WaitingView,
  WindowView,
} from './wire.ts'
