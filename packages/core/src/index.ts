/**
 * Routes the machine-learning requests of Immich to the best backend.
 *
 * @example
 * ```ts
 * import http from 'node:http'
 * import { createRouter } from '@immich-ml-router/core'
 *
 * const router = createRouter({ backends: { gpu: { url: 'http://gpu:3003' }, nas: { url: 'http://nas:3003' } } })
 * http.createServer((req, res) => router.handle(req, res)).listen(3003)
 * ```
 *
 * @module core
 */

import './needs-node.ts'

export type {
  AnswerOptions,
  AttemptRecord,
  BackendEvent,
  BackendOptions,
  BackendView,
  Candidate,
  Classification,
  ClassifiedRequest,
  Clock,
  CloseOptions,
  ConfigProblem,
  DiscoverOptions,
  ErrorCode,
  Explanation,
  HealthOptions,
  HeartbeatOptions,
  HedgeOptions,
  HoldEvent,
  HoldOptions,
  Job,
  Lease,
  Match,
  MatchFunction,
  Outcome,
  Policy,
  PolicyChanges,
  QueueOptions,
  Ranked,
  ReloadOptions,
  RequestEvent,
  RequestHead,
  Resolver,
  Route,
  Router,
  RouterConfig,
  RouterEvents,
  RouterNotice,
  RouterOptions,
  RouterStatus,
  Select,
  SelectEnvironment,
  SelectOptions,
  StopOptions,
  Strategy,
  StrategyName,
  TimeoutOptions,
  TlsOptions,
  Tracing,
  WaitingRequest,
  WakeOptions,
} from './parts.ts'
export {
  ConfigError,
  classifyPredictRequest,
  configWarnings,
  createRouter,
  deferContinue,
  describePolicy,
  dnsResolver,
  expandConfig,
  explanationText,
  inheritedSocket,
  NoBackendError,
  parseConfig,
  RouterError,
  selectBackend,
  stopServer,
} from './parts.ts'
