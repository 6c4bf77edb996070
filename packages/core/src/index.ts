/**
 * The framework-agnostic router, and the parts that it is made of.
 *
 * @module core
 */

import './needs-node.ts'

export {
  Backend,
  type BackendHealth,
  type BackendInfo,
  type BackendProbe,
  type Slot,
} from './backend/backend.ts'
export type { GroupChange } from './backend/backend-group.ts'
export type { BackendChange, BackendSettings, TlsSettings } from './backend/backend-settings.ts'
export type { BreakerState } from './backend/breaker.ts'
export type { CheckOptions, Probe, ProbeState } from './backend/checker.ts'
export type { LastError, Obstacle, PassiveChange, PassiveHealth } from './backend/health.ts'
export { type JobKeys, jobKeysOf } from './backend/job-keys.ts'
export type { Latency } from './backend/latency-book.ts'
export type { FailureCause, Outcome } from './backend/outcome.ts'
export type { WakeTarget } from './backend/wake.ts'
export type { BodyInput } from './body/body-source.ts'
export type { BodyStore } from './body/body-store.ts'
export type { ReplayBody } from './body/replay-body.ts'
export type { SpoolUsage } from './body/spool.ts'
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
} from './classify/classify-predict-request.ts'
export type { ClassifyLimits } from './classify/limits.ts'
export type { Clock, LoopUse } from './clock.ts'
export { defaults } from './defaults.ts'
export { describePolicy } from './describe/describe-policy.ts'
export {
  type DnsResolverOptions,
  dnsResolver,
  type ResolvedAddress,
  type Resolver,
  type ServiceRecord,
} from './discover/resolver.ts'
export {
  BodyConsumedError,
  BodyFailedError,
  BodyReleasedError,
  BodyTooLargeError,
  ClientLeftError,
  type ErrorCode,
  HoldError,
  NoBackendError,
  RouterClosedError,
  RouterError,
  SpoolError,
  TlsError,
  UnclassifiedError,
} from './errors.ts'
export type {
  AttemptHeaders,
  AttemptPlan,
  AttemptResult,
  ForwardRequest,
  KeptAnswer,
} from './forward/forward-request.ts'
export { type ForwardData, Forwarder, type ForwardOptions } from './forward/forwarder.ts'
export type { Heartbeat } from './forward/heartbeat.ts'
export type { AnswerClass, AnswerClasses, AnswerOptions } from './judge/answer-classes.ts'
export type { Asked, BackendAnswer } from './judge/backend-answer.ts'
export { judge } from './judge/judge.ts'
export type { Verdict } from './judge/verdict.ts'
export { pathOf } from './path-of.ts'
export type { Changes, PolicyChanges } from './policy/changes.ts'
export type { AuthOptions, BasicCredentials, ConnectionOptions, TlsOptions } from './policy/connection.ts'
export type { DiscoverOptions } from './policy/discover.ts'
export { parseDuration } from './policy/duration.ts'
export { type ExpandedConfig, type ExpansionSources, expandConfig } from './policy/expand-config.ts'
export type {
  CandidateExplanation,
  CandidateReason,
  Decision,
  Explanation,
  PassedRoute,
  RouteExplanation,
} from './policy/explanation.ts'
export { explanationText } from './policy/explanation-text.ts'
export type { HedgeOptions } from './policy/hedge.ts'
export type { HoldEvent, Lease, Place } from './policy/lease.ts'
export { parseConfig, parsePolicy, type RouterConfig } from './policy/parse-policy.ts'
export type {
  HealthOptions,
  HeartbeatOptions,
  Heartbeats,
  HoldOptions,
  Patience,
  PolicyHoldOptions,
  QueueOptions,
  WakeOptions,
} from './policy/patience.ts'
export type { BackendOptions, Match, MatchFunction, Pattern, Policy, Route } from './policy/policy.ts'
export { PolicyError, type PolicyProblem } from './policy/problems.ts'
export type { ExplainOptions, SelectOptions } from './policy/route-selection.ts'
export type { Wait, WaitOptions } from './policy/route-wait.ts'
export type { RouteInfo } from './policy/routing.ts'
export {
  type BackendEvent,
  type Select,
  type SelectEnvironment,
  selectBackend,
} from './policy/select-backend.ts'
export { resolveTimeouts, type TimeoutOptions, type Timeouts } from './policy/timeouts.ts'
export type { AttemptMarks, AttemptRecord } from './retry/attempt-record.ts'
export { answerError } from './router/answers.ts'
export { createRouter } from './router/create-router.ts'
export { deferContinue } from './router/defer-continue.ts'
export { Exchange } from './router/exchange.ts'
export {
  type ExchangeOptions,
  type ResolvedExchangeOptions,
  resolveExchangeOptions,
} from './router/exchange-options.ts'
export type { Waiting } from './router/request-waits.ts'
export type {
  CloseOptions,
  RequestEvent,
  Router,
  RouterEvents,
  RouterNotice,
  RouterStatus,
  Steps,
  WaitingRequest,
} from './router/router.ts'
export type { PathOptions, ReloadOptions, RouterOptions } from './router/router-options.ts'
export { inheritedSocket, type StopOptions, stopServer } from './router/stop-server.ts'
export type { AttemptStart, AttemptTrace, RequestEnd, RequestTrace, Tracing } from './router/tracing.ts'
export type { StrategyName } from './strategy/strategies.ts'
export type { Job, Rating, Strategy } from './strategy/strategy.ts'
