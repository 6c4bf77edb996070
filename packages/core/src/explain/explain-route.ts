import type { Backend } from '../backend/backend.ts'
import type { BackendView } from '../backend/backend-view.ts'
import type { BreakerState } from '../backend/health/breaker.ts'
import { nameOfEntries } from '../backend/health/capabilities.ts'
import type { BackendHealth, Obstacle } from '../backend/health/health-view.ts'
import type { JobKeys } from '../backend/job-keys.ts'
import { exclusionOf } from '../backend/model-problem.ts'
import { defaults } from '../config/defaults.ts'
import type { Assessment } from '../routing/assess.ts'
import type { CompiledRoute } from '../routing/compile-policy.ts'
import { type Decision, decide, longestWait } from '../routing/decide.ts'
import type { RouteRequest } from '../routing/route-request.ts'
import type { Decided } from '../routing/route-selector.ts'
import { explainMiss } from './explain-match.ts'
import type {
  CandidateExplanation,
  CandidateReason,
  ExplainedDecision,
  Explanation,
  RouteExplanation,
} from './explanation.ts'
import { reasonText } from './explanation-text.ts'

/** Explains a decision, and why no earlier route matches. */
export function explain(routes: readonly CompiledRoute[], decided: Decided): Explanation {
  const { route, classification, head } = decided.request
  const index = routes.indexOf(route)
  const passedRoutes = routes.slice(0, index).flatMap(({ name, written }, place) => {
    const miss = explainMiss(written.match, classification, head)
    return miss === undefined ? [] : { name, index: place, ...miss }
  })
  return { ...explainRoute(decided), index, routes: routes.length, passedRoutes }
}

/** Explains a decision on its route. It prints what `decide` found out, and decides nothing itself. */
export function explainRoute(decided: Decided): RouteExplanation {
  const { request, decision } = decided
  const { route } = request
  const next = decision.kind === 'forward' ? nextAfter(decision.backend, decided) : undefined
  const candidates = decision.assessments.map((assessment): CandidateExplanation => {
    const { backend } = assessment
    const reason = reasonFor(assessment, decided)
    const verdict = verdictOn(assessment, decision, next)
    return { backend: backend.name, endpoint: backend.endpoint, verdict, reason, words: reasonText(reason) }
  })
  const { strategy = defaults.strategy } = route.written
  return {
    route: route.name,
    strategy: typeof strategy === 'function' ? strategy.name : strategy,
    priority: request.priority,
    candidates,
    decision: explainDecision(decided),
  }
}

function explainDecision({ request, decision, waiting }: Decided): ExplainedDecision {
  switch (decision.kind) {
    case 'forward': {
      const { name, endpoint } = decision.backend
      return { kind: 'forward', backend: name, endpoint, leastBad: decision.isLeastBad }
    }
    case 'queue':
    case 'hold':
      return { kind: decision.kind, maxWait: finite(longestWait(request, decision.isFull)), waiting }
    case 'reject': {
      const { status, code, message } = decision.error
      return { kind: 'reject', status, code, message }
    }
  }
}

/** Where the request would go if the chosen backend failed. */
function nextAfter(chosen: Backend, { request, state }: Decided): Backend | undefined {
  if (request.route.retries === 0) return undefined
  const exclude = new Set([...request.exclude, chosen.id])
  const decision = decide({ ...request, exclude, retry: true }, state)
  return decision.kind === 'forward' ? decision.backend : undefined
}

function verdictOn(
  { backend, obstacle, state }: Assessment,
  decision: Decision,
  next: Backend | undefined,
): CandidateExplanation['verdict'] {
  switch (decision.kind) {
    case 'forward':
      if (backend === decision.backend) return 'chosen'
      if (backend === next) return 'next'
      return obstacle === undefined && (state === 'candidate' || state === 'higher-tier')
        ? 'lower'
        : 'passed-over'
    case 'queue':
    case 'hold':
      return obstacle !== undefined && AWAITED.has(obstacle.kind) ? 'awaited' : 'passed-over'
    case 'reject':
      return 'passed-over'
  }
}

/** The obstacles whose end a request waits for. */
const AWAITED: ReadonlySet<string> = new Set(['resolving', 'down', 'ejected', 'busy', 'recovering', 'full'])

function reasonFor(
  { backend, obstacle, state }: Assessment,
  { request, decision, state: { now } }: Decided,
): CandidateReason {
  const { ranked, assessments } = decision
  const place = ranked.findIndex((candidate) => candidate.backend === backend)
  const rating = ranked[place]
  const ownReason = () =>
    obstacle === undefined ? undefined : obstacleReason(obstacle, backend, request, now, rating?.reason())
  switch (state) {
    case 'lacks-task':
      return { kind: 'lacks-task', tasks: request.classification.tasks, endsIn: undefined }
    case 'model-problem': {
      const problem = exclusionOf(backend.problems, request.route.name, request.job.models)
      return { kind: state, why: problem?.reason ?? '' }
    }
    case 'excluded':
    case 'tried':
      return { kind: state }
    case 'failed-recently':
      return { kind: 'failed-lately' }
    case 'warming':
      return { kind: state, models: request.classification.entries.map(({ model }) => model) }
    case 'higher-tier': {
      const tiers = assessments
        .filter((other) => other.state === 'candidate')
        .map((other) => other.backend.tier)
      return { kind: 'higher-tier', tier: backend.tier, used: Math.min(...tiers) }
    }
    case 'unavailable':
    case 'full':
      return ownReason() ?? { kind: 'usable' }
    case 'candidate': {
      const reason = ownReason()
      if (reason !== undefined) return reason
      if (rating === undefined) return { kind: 'usable' }
      return {
        kind: 'rated',
        score: rating.score,
        rating: rating.reason(),
        place: place + 1,
        of: ranked.length,
      }
    }
  }
}

/** An obstacle with its cause, and when it ends. @param rating What the strategy says about the backend, if it was asked. */
function obstacleReason(
  { kind, until }: Obstacle,
  backend: BackendView,
  { job, isReady }: RouteRequest,
  now: number,
  rating: string | undefined,
): CandidateReason {
  const { inFlight } = backend
  const limit = backend.limit.current
  const health = backend.health.status
  const endsIn = finite(until - now)
  switch (kind) {
    case 'disabled':
      return { kind: 'drained' }
    case 'resolving':
      return { kind: 'resolving' }
    case 'unresolved':
      return { kind: 'unresolved', why: backend.health.unresolved ?? '' }
    case 'down': {
      const { probe } = health
      const [why, since] = probe?.kind === 'down' ? [probe.reason, probe.since] : ['', now]
      return { kind: 'down', why, lastsFor: now - since }
    }
    case 'lacks':
      return { kind: 'lacks-task', tasks: lackingOf(health, job), endsIn }
    case 'ejected':
      return { kind: 'ejected', ...ejectionOf(health, job.types), endsIn }
    case 'busy':
      return { kind: 'busy', endsIn: endsIn ?? 0 }
    case 'recovering':
      return isReady() ? { kind: 'recovering', inFlight } : { kind: 'still-arriving' }
    case 'full':
      return inFlight < limit
        ? { kind: 'reserved', inFlight, limit }
        : { kind: 'full', inFlight, limit, rating }
  }
}

/** What of the job the backend lacks, such as `ocr/detection`; the types where it is the exact job. */
function lackingOf({ lacks }: BackendHealth, { types, models }: JobKeys): readonly string[] {
  const known = [...types, ...models].filter((key) => Object.hasOwn(lacks, key))
  return known.length > 0 ? known : types
}

/** What is ejected, the backend as a whole or one of the tasks, and why. */
function ejectionOf(
  { reachable, tasks: byTask }: BackendHealth,
  types: readonly string[],
): { readonly task: string | undefined; readonly why: string } {
  const whole = ejectionCause(reachable)
  if (whole !== undefined) return { task: undefined, why: whole }
  for (const task of [...types, nameOfEntries(types)]) {
    const why = Object.hasOwn(byTask, task) ? ejectionCause(byTask[task]) : undefined
    if (why !== undefined) return { task, why }
  }
  return { task: undefined, why: '' }
}

function ejectionCause(state: BreakerState | undefined): string | undefined {
  return state?.kind === 'open' || state?.kind === 'trial' ? state.reason : undefined
}

/** `undefined` for no limit. */
function finite(milliseconds: number): number | undefined {
  return Number.isFinite(milliseconds) ? milliseconds : undefined
}
