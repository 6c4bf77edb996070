import type { Backend } from '../backend/backend.ts'
import type { Obstacle } from '../backend/health/health-view.ts'
import { rankedBy } from '../balance/ranked-by.ts'
import type { Candidate, Ranked } from '../balance/strategy.ts'
import { defaults } from '../config/defaults.ts'
import type { RouterError } from '../errors.ts'
import {
  type Assessment,
  assess,
  isProven,
  isUnreachable,
  isUsable,
  type MutableAssessment,
} from './assess.ts'
import { isNamed } from './candidates.ts'
import { noCandidate, noneReachable } from './no-backend.ts'
import type { RouteRequest } from './route-request.ts'

/** What a decision depends on, besides the request and the backends. */
export interface RoutingState {
  /** On the clock. */
  readonly now: number
  /** Queued requests that are at least as urgent. */
  readonly queued: number
  /** Since the last request arrived, in milliseconds; 0 when it is this one. */
  readonly sinceLast: number
  /** Whether new requests wait for `close()`, see `Select.suspend`. */
  readonly isDraining: boolean
  /** The error for a request that may not be queued or held; `undefined` when it may. */
  readonly refusal: (wait: 'queue' | 'hold') => RouterError | undefined
}

/** What to do with a request, and why. Data: it is committed by `RouteSelector`, and printed by `explain/`. */
export type Decision = {
  /** The backends of the route, in its order. */
  readonly assessments: readonly Assessment[]
  /** The candidates, as the strategy ranks them: the best first. */
  readonly ranked: readonly Ranked[]
} & (
  | {
      readonly kind: 'forward'
      readonly backend: Backend
      /** Whether every candidate is unavailable, and this one is tried all the same. */
      readonly isLeastBad: boolean
    }
  /** `queue`: the request waits for a slot. `hold`: it waits for an available backend. */
  | {
      readonly kind: 'queue' | 'hold'
      /** Whether some candidate is available and at its limit. */
      readonly isFull: boolean
      /** When time alone may change the decision, on the clock. */
      readonly retryAt: number
    }
  | { readonly kind: 'reject'; readonly error: RouterError }
)

/** Decides what to do with a request now. It changes nothing. */
export function decide(request: RouteRequest, state: RoutingState): Decision {
  const { route, notBefore, retry, kind, models, priority } = request
  const assessments = route.members.current.map((backend) => assess(request, backend))
  if (assessments.every(({ state: is }) => NO_CANDIDATE.has(is)))
    return { kind: 'reject', error: noCandidate(request), assessments, ranked: [] }
  if (state.isDraining && !retry)
    return wait(request, state, assessments, { isFull: true, retryAt: Number.POSITIVE_INFINITY })
  if (state.now < notBefore) return wait(request, state, assessments, { isFull: false, retryAt: notBefore })
  let isFree = false
  let isFull = false
  let until = Number.POSITIVE_INFINITY
  for (const { state: is, obstacle } of assessments) {
    if (is !== 'candidate' && is !== 'unavailable') continue
    if (obstacle === undefined) isFree = true
    else {
      isFull ||= is === 'candidate'
      until = Math.min(until, obstacle.until)
    }
  }
  if (!isFree && !isFull) return whenUnavailable(request, state, assessments, until)
  if (request.avoid.size > 0) narrow(assessments, ({ backend }) => !isNamed(backend, request.avoid), 'tried')
  if (retry) narrow(assessments, ({ backend }) => isProven(backend), 'failed-recently')
  if (assessments.some(({ backend }) => backend.warming.size > 0))
    until = Math.min(until, leaveWarming(request, assessments, state.now))
  const candidates = bestTier(assessments, route.spill)
  const hasFree = candidates.some((candidate) => !candidate.isFull)
  const { queued, sinceLast } = state
  const job = { kind, models, queued, urgent: priority > 0, sinceLast }
  const ranked = hasFree ? route.strategy.rank(candidates, job) : []
  const best = assessments.find(({ backend }) => backend === ranked[0]?.backend)
  if (best !== undefined && best.obstacle === undefined)
    return { kind: 'forward', backend: best.backend, isLeastBad: false, assessments, ranked }
  // A strategy by cost waits for a full backend although another is free, until the free one is the better choice.
  const retryAt =
    hasFree && !route.isOrdered ? Math.min(until, state.now + defaults.reconsiderInterval) : until
  return wait(request, state, assessments, { isFull: true, retryAt, ranked })
}

/** Backends that never get the request, whatever happens. */
const NO_CANDIDATE: ReadonlySet<Assessment['state']> = new Set(['lacks-task', 'excluded', 'model-problem'])

/** Keeps the candidates that fit, unless none of these is free. */
function narrow(
  assessments: readonly MutableAssessment[],
  fits: (assessment: Assessment) => boolean,
  otherwise: 'tried' | 'failed-recently',
): void {
  const candidates = assessments.filter(({ state }) => state === 'candidate')
  const fitting = new Set(candidates.filter(fits))
  if (fitting.size === candidates.length || ![...fitting].some(({ obstacle }) => obstacle === undefined))
    return
  for (const candidate of candidates) if (!fitting.has(candidate)) candidate.state = otherwise
}

/** A request waits so long for a candidate at its limit rather than for a backend to load the models of the job, in milliseconds. */
const LONGEST_WARM_WAIT = 10_000

/**
 * Leaves a backend out that loads the models of the job, while another is a candidate.
 *
 * @returns When time alone may change that, on the clock.
 */
function leaveWarming({ job }: RouteRequest, assessments: readonly MutableAssessment[], now: number): number {
  const candidates = assessments.filter(({ state }) => state === 'candidate')
  const since = ({ backend }: Assessment) =>
    Math.max(...job.models.map((name) => backend.warming.get(name) ?? Number.NEGATIVE_INFINITY))
  const isWarming = (assessment: Assessment) => since(assessment) > Number.NEGATIVE_INFINITY
  const others = candidates.filter((assessment) => !isWarming(assessment))
  if (others.length === 0) return Number.POSITIVE_INFINITY
  const isAnyFree = others.some(({ obstacle }) => obstacle === undefined)
  let until = Number.POSITIVE_INFINITY
  for (const assessment of candidates.filter(isWarming)) {
    const end = since(assessment) + LONGEST_WARM_WAIT
    if (!isAnyFree && end <= now) continue
    assessment.state = 'warming'
    if (!isAnyFree) until = Math.min(until, end)
  }
  return until
}

/** The candidates of the lowest tier; where requests spill, a full backend is none. */
function bestTier(assessments: readonly MutableAssessment[], spill: boolean): Candidate[] {
  let tier = Number.POSITIVE_INFINITY
  for (const assessment of assessments) {
    if (assessment.state !== 'candidate') continue
    if (spill && assessment.obstacle !== undefined) assessment.state = 'full'
    else tier = Math.min(tier, assessment.backend.tier)
  }
  const candidates: Candidate[] = []
  for (const assessment of assessments) {
    if (assessment.state !== 'candidate') continue
    const { backend, obstacle } = assessment
    if (backend.tier > tier) assessment.state = 'higher-tier'
    else candidates.push({ backend, isFull: obstacle !== undefined })
  }
  return candidates
}

/** No candidate is available: the request is held, or the least bad backend is tried rather than none. */
function whenUnavailable(
  request: RouteRequest,
  state: RoutingState,
  assessments: readonly Assessment[],
  until: number,
): Decision {
  const unavailable = assessments.filter(({ state: is }) => is === 'unavailable')
  // Waiting does not help where every candidate refuses the job, and none has ever served one like it.
  const isRefused = unavailable.every(({ backend }) => backend.health.capabilities.refuses(request.job))
  if (request.patience.hold !== undefined && !isRefused)
    return wait(request, state, assessments, { isFull: false, retryAt: until })
  const backend = leastBadOf(request, unavailable)
  if (backend !== undefined) return { kind: 'forward', backend, isLeastBad: true, assessments, ranked: [] }
  const error = noneReachable(request, unavailable)
  if (error !== undefined) return { kind: 'reject', error, assessments, ranked: [] }
  return wait(request, state, assessments, { isFull: false, retryAt: until })
}

/** How bad it is to send a request to a backend with an obstacle, from the least bad. */
const BADNESS: readonly Obstacle['kind'][] = ['full', 'recovering', 'busy', 'ejected', 'down', 'lacks']

function leastBadOf(request: RouteRequest, unavailable: readonly Assessment[]): Backend | undefined {
  const usable = unavailable.filter(
    (assessment) =>
      isUsable(assessment) &&
      !isUnreachable(request, assessment.backend) &&
      assessment.backend.limit.hasSlot(request.priority > 0),
  )
  const badness = ({ obstacle }: Assessment) => BADNESS.indexOf(obstacle?.kind ?? 'full')
  const [best] = rankedBy(usable, badness, ({ obstacle }) => obstacle?.until ?? 0)
  return best?.backend
}

/** A request that may not be held waits for a slot even of an unavailable backend. */
export function waitKind({ patience }: RouteRequest, isFull: boolean): 'queue' | 'hold' {
  return isFull || patience.hold === undefined ? 'queue' : 'hold'
}

function wait(
  request: RouteRequest,
  state: RoutingState,
  assessments: readonly Assessment[],
  {
    isFull,
    retryAt,
    ranked = [],
  }: { readonly isFull: boolean; readonly retryAt: number; readonly ranked?: readonly Ranked[] },
): Decision {
  const kind = waitKind(request, isFull)
  const error = state.refusal(kind)
  if (error !== undefined) return { kind: 'reject', error, assessments, ranked }
  return { kind, isFull, retryAt, assessments, ranked }
}

/** The longest wait, in milliseconds. */
export function longestWait({ patience: { hold, maxWait } }: RouteRequest, isFull: boolean): number {
  if (hold === undefined) return maxWait
  return isFull ? Math.max(hold, maxWait) : hold
}
