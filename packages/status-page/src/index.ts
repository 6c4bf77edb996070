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
  BucketView,
  BusyView,
  DecisionView,
  EventView,
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
  QueuesView,
  QueueView,
  Report,
  RouteView,
  RouteWindow,
  RunView,
  SetupView,
  SpanBackend,
  SpanView,
  TaskView,
  WaiterView,
  WaitingView,
  WindowView,
} from './wire.ts'
