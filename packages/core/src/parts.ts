/**
 * Every part of the router, for authors of adapters, strategies and other packages that extend it. Unlike the exports of
 * `@immich-ml-router/core`, these may change with a minor version.
 *
 * @module core/parts
 */

import './needs-node.ts'

export { Backend, type Slot } from './backend/backend.ts'
export type { BackendProbe, DrainOptions } from './backend/backend-group.ts'
export type { BackendSettings, TlsSettings } from './backend/backend-settings.ts'
export type { BackendTarget } from './backend/backend-target.ts'
export type { BackendInfo, BackendView } from './backend/backend-view.ts'
export type { GroupChange } from './backend/group-change.ts'
export type { BreakerState } from './backend/health/breaker.ts'
export { WITH_OPTIONS } from './backend/health/capabilities.ts'
export type { CheckOptions, Probe, ProbeState } from './backend/health/checker.ts'
export type {
  BackendHealth,
  HealthChange,
  HealthView,
  LastError,
  Obstacle,
  PassiveChange,
  PassiveHealth,
} from './backend/health/health-view.ts'
export type { JobKeys } from './backend/job-keys.ts'
export type { LatencyView } from './backend/latency/latency-tracker.ts'
export type { BackendUse, LimitView } from './backend/limit/concurrency-limit.ts'
export type { ModelProblem } from './backend/model-problem.ts'
export type { FailureCause, Outcome } from './backend/outcome.ts'
export type { WakeTarget } from './backend/wake.ts'
export type * from './balance/strategy.ts'
export type { BodyInput } from './body/body-source.ts'
export type { BodyStore } from './body/body-store.ts'
export type { SpoolUsage } from './body/disk-space.ts'
export type { ReplayBody } from './body/replay-body.ts'
export type { CanaryCounts, CanaryResult } from './canary/canary.ts'
export { canaryBody } from './canary/canary-body.ts'
export type { CanaryJob, CanaryPurpose } from './canary/canary-job.ts'
export type { Sample } from './canary/samples.ts'
export type {
  Classification,
  Classified,
  Entry,
  PredictInput,
  Unclassified,
  UnclassifiedReason,
} from './classify/classification.ts'
export {
  type ClassifiedRequest,
  type ClassifyOptions,
  type ClassifyRequestOptions,
  classifyPredictRequest,
  entriesReader,
} from './classify/classify-predict-request.ts'
export type { MultipartReader } from './classify/multipart-reader.ts'
export type { Clock, LoopUse } from './clock.ts'
export { systemClock } from './clock.ts'
export type { Changes, PolicyChanges } from './config/changes.ts'
export { defaults } from './config/defaults.ts'
export { parseDuration } from './config/duration.ts'
export { type ExpandedConfig, type ExpansionSources, expandConfig } from './config/expand-config.ts'
export { optionKind } from './config/option-path.ts'
export { parseConfig, parsePolicy } from './config/parse.ts'
export type * from './config/policy.ts'
export { ConfigError, type ConfigProblem, formatPath, problemText } from './config/problems.ts'
export { type Heartbeats, type ResolvedImmich, resolveImmich, type SearchCache } from './config/resolve.ts'
export { resolveTimeouts, type Timeouts } from './config/timeouts.ts'
export { withoutCredentials } from './credentials.ts'
export * from './discover/resolver.ts'
export * from './errors.ts'
export { configWarnings } from './explain/config-warnings.ts'
export {
  type DescribeOptions,
  describePolicy,
  describeRoutes,
  type RouteDescription,
} from './explain/describe-policy.ts'
export type * from './explain/explanation.ts'
export { explanationText } from './explain/explanation-text.ts'
export { BackendClient, type ClientJob } from './forward/backend-client.ts'
export type {
  AttemptHeaders,
  AttemptPlan,
  AttemptResult,
  ForwardRequest,
  KeptAnswer,
} from './forward/forward-request.ts'
export { Forwarder, type ForwardOptions } from './forward/forwarder.ts'
export type { Heartbeat } from './forward/heartbeat.ts'
export { pathOf, type RequestHead } from './incoming-message.ts'
export type { AnswerClass, AnswerClasses } from './judge/answer-classes.ts'
export type { Asked, BackendAnswer } from './judge/backend-answer.ts'
export { judge } from './judge/judge.ts'
export type { Verdict } from './judge/verdict.ts'
export type { AttemptMarks, AttemptRecord } from './retry/attempt-record.ts'
export type {
  AnswerSource,
  FoundSearch,
  SavedAnswer,
  Search,
} from './router/answer-source.ts'
export { answerError } from './router/answers.ts'
export type { Canaries, ForwardCanary } from './router/canaries.ts'
export type { ClassifiedExchange } from './router/classify-request.ts'
export { createRouter } from './router/create-router.ts'
export { deferContinue } from './router/defer-continue.ts'
export { Exchange } from './router/exchange.ts'
export {
  type ExchangeOptions,
  type ResolvedExchangeOptions,
  resolveExchangeOptions,
} from './router/exchange-options.ts'
export type { FreezeDetector } from './router/freeze-detector.ts'
export type { ModuleOption, Modules, RouterModule } from './router/modules.ts'
export type { BackendEvent, SelectEnvironment } from './router/policy-runtime.ts'
export type { Waiting } from './router/request-waits.ts'
export type * from './router/router.ts'
export type { RouterBackends } from './router/router-backends.ts'
export type { ExpectedJobs, RouteInfo } from './router/select-backend.ts'
export { type Select, selectBackend } from './router/select-backend.ts'
export type { SplitRequest, Splitter } from './router/splitter.ts'
export {
  classifyStep,
  type ForwardStep,
  forwardStep,
  type RouterSteps,
  type SelectStep,
  type Step,
  selectStep,
  type WithRouter,
} from './router/steps.ts'
export { inheritedSocket, type StopOptions, stopServer } from './router/stop-server.ts'
export type { AttemptStart, AttemptTrace, RequestEnd, RequestTrace, Tracing } from './router/tracing.ts'
export { jobKeysOf } from './routing/jobs.ts'
export type { HoldEvent, Lease, Place } from './routing/lease.ts'
export type { Patience } from './routing/patience.ts'
export type { Decided } from './routing/route-selector.ts'
export type { RoutedRequest } from './routing/routed-request.ts'
export type { ExplainOptions, SelectOptions, Wait } from './routing/select-options.ts'
export { shorten } from './shorten.ts'
export { StateFile } from './state-file.ts'
