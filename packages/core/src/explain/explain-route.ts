import type { Backend, BackendHealth } from '../backend/backend.ts'
import type { BreakerState } from '../backend/health/breaker.ts'
import type { Obstacle } from '../backend/health/health.ts'
import type { JobKeys } from '../backend/job-keys.ts'
import { Unresolved } from '../backend/unresolved.ts'
import type { Ranked } from '../balance/strategy.ts'
import { defaults } from '../config/defaults.ts'
import type { Patience } from '../config/patience.ts'
import type { RouterError } from '../errors.ts'
import { Candidates, isNamed } from '../routing/candidates.ts'
import type { CompiledRoute } from '../routing/compile-policy.ts'
import {
  allOut,
  leastBadOf,
  longestWait,
  nobody,
  preferred,
  waitingHelps,
  waitsFor,
} from '../routing/decide.ts'
import type { HoldEvent } from '../routing/lease.ts'
import { type Choice, isFull, isThere, look, obstacleOf } from '../routing/look.ts'
import { survey } from '../routing/survey.ts'
import type { CandidateExplanation, CandidateReason, Decision, RouteExplanation } from './explanation.ts'
import { reasonText } from './explanation-text.ts'

/** What else there is to know of a route when it decides. */
export interface Standing {
  /** Requests that wait for a slot and are as urgent, or more. */
  readonly ahead: number
  /** How long ago the last request came, in milliseconds. */
  readonly sinceLast: number
  /** Requests of the route that wait. */
  readonly held: number
  /** Why the request may not wait for this reason; `undefined` when it may. */
  readonly noRoom: (reason: HoldEvent['reason']) => RouterError | undefined
  /** On the clock. */
  readonly now: number
}

/** What a route would decide, and why. It goes by what the decision goes by, and changes nothing. */
export function explainRoute(route: CompiledRoute, choice: Choice, standing: Standing): RouteExplanation {
  const made = decide(route, choice, standing)
  const field = fieldOf(route, choice)
  const next = made.chosen && nextAfter(made.chosen, route, choice, standing)
  const candidates = route.members.current.map((backend): CandidateExplanation => {
    const reason = reasonFor(backend, choice, field, made, standing.now)
    const { name, endpoint } = backend
    const verdict = verdictOn(backend, reason, made, next)
    return { backend: name, endpoint, verdict, reason, words: reasonText(reason) }
  })
  const { strategy = defaults.strategy } = route.written
  return {
    route: route.name,
    strategy: typeof strategy === 'function' ? strategy.name : strategy,
    priority: choice.priority,
    candidates,
    decision: made.decision,
  }
}

interface Made {
  readonly decision: Decision
  /** Where the request goes now. */
  readonly chosen?: Backend
  readonly ratings?: readonly Ranked[]
}

function decide(route: CompiledRoute, choice: Choice, standing: Standing): Made {
  if (choice.candidates.now.length === 0) return { decision: refused(nobody(route, choice)) }
  const { candidates, free } = survey(choice, preferred(choice), route)
  let ratings: readonly Ranked[] = []
  if (free) {
    const { kind, models, priority } = choice
    const job = { kind, models, queued: standing.ahead, urgent: priority > 0, sinceLast: standing.sinceLast }
    ratings = route.strategy.rank(candidates, job)
    const chosen = candidates.find(({ backend }) => backend === ratings[0]?.backend)
    if (chosen !== undefined && !chosen.isFull)
      return { decision: goesTo(chosen.backend, false), chosen: chosen.backend, ratings }
  }
  const seen = look(choice)
  if (waitingHelps(seen, choice)) return { ratings, decision: waits(choice.patience, isFull(seen), standing) }
  const leastBad = leastBadOf(seen, choice)
  if (leastBad !== undefined) return { decision: goesTo(leastBad, true), chosen: leastBad }
  const out = allOut(seen, route, choice)
  return { decision: out === undefined ? waits(choice.patience, false, standing) : refused(out) }
}

function goesTo({ name, endpoint }: Backend, leastBad: boolean): Decision {
  return { kind: 'goes', backend: name, endpoint, leastBad }
}

function waits(allowed: Patience, full: boolean, { held, noRoom }: Standing): Decision {
  const reason = waitsFor(allowed, full)
  const error = noRoom(reason)
  if (error !== undefined) return refused(error)
  return { kind: 'waits', reason, patience: finite(longestWait(allowed, full)), held }
}

function refused({ status, code, message }: RouterError): Decision {
  return { kind: 'refused', status, code, message }
}

/** Where the request would go if the chosen one failed. */
function nextAfter(
  chosen: Backend,
  route: CompiledRoute,
  choice: Choice,
  standing: Standing,
): Backend | undefined {
  if (route.retries === 0) return undefined
  const exclude = new Set([...choice.exclude, chosen.id])
  const candidates = new Candidates(route.members, choice.tasks, exclude)
  return decide(route, { ...choice, exclude, candidates, retry: true }, standing).chosen
}

function verdictOn(
  backend: Backend,
  { kind }: CandidateReason,
  { decision, chosen }: Made,
  next: Backend | undefined,
): CandidateExplanation['verdict'] {
  if (backend === chosen) return 'chosen'
  if (backend === next) return 'next'
  if (decision.kind === 'goes' && RANKED.has(kind)) return 'lower'
  return decision.kind === 'waits' && AWAITED.has(kind) ? 'awaited' : 'passed-over'
}

/** What can be said of one that could have had the request as well. */
const RANKED: ReadonlySet<CandidateReason['kind']> = new Set(['rated', 'usable', 'higher-tier', 'behind'])

/** What a request that waits waits for. */
const AWAITED: ReadonlySet<CandidateReason['kind']> = new Set([
  'resolving',
  'down',
  'ejected',
  'busy',
  'recovering',
  'still-arriving',
  'full',
  'reserved',
])

/** What narrows a route's backends down to those that its strategy is asked about. */
interface Field {
  readonly preferred: ReadonlySet<Backend>
  /** The best tier of which one is there. */
  readonly tier: number
  /** The only backend that counts, where the order says which is best. */
  readonly leader: string | undefined
}

function fieldOf({ spill, madeBy }: CompiledRoute, choice: Choice): Field {
  const backends = preferred(choice)
  const there = backends.filter((backend) => {
    const obstacle = obstacleOf(choice, backend)
    return obstacle === undefined || (isThere(obstacle) && !spill)
  })
  const tier = there.reduce((least, backend) => Math.min(least, backend.tier), Number.POSITIVE_INFINITY)
  const leader = madeBy === 'first' && !spill ? there.find((it) => it.tier === tier)?.name : undefined
  return { preferred: new Set(backends), tier, leader }
}

function reasonFor(
  backend: Backend,
  choice: Choice,
  { preferred, tier, leader }: Field,
  { ratings = [] }: Made,
  now: number,
): CandidateReason {
  const { tasks, exclude, avoid } = choice
  if (!backend.serves(tasks)) return { kind: 'lacks-task', tasks, endsIn: undefined }
  if (isNamed(backend, exclude)) return { kind: 'excluded' }
  const compared = ratings.filter((rating) => leader === undefined || rating.backend.name === leader)
  const place = compared.findIndex((rating) => rating.backend === backend)
  const rating = compared[place]
  const obstacle = obstacleOf(choice, backend)
  const away = obstacle && reasonOf(obstacle, backend, choice, now, rating?.reason())
  if (away !== undefined && !isThere(obstacle)) return away
  if (!preferred.has(backend)) return { kind: isNamed(backend, avoid) ? 'tried' : 'failed-lately' }
  if (backend.tier > tier) return { kind: 'higher-tier', tier: backend.tier, used: tier }
  if (leader !== undefined && leader !== backend.name) return { kind: 'behind', backend: leader }
  if (away !== undefined) return away
  if (rating === undefined) return { kind: 'usable' }
  return {
    kind: 'rated',
    score: rating.score,
    rating: rating.reason(),
    place: place + 1,
    of: compared.length,
  }
}

/** An obstacle, with what people want to know of it. */
function reasonOf(
  { kind, until }: Obstacle,
  backend: Backend,
  { job, isReady }: Choice,
  now: number,
  rating: string | undefined,
): CandidateReason {
  const { inFlight, limit, health } = backend
  const endsIn = finite(until - now)
  switch (kind) {
    case 'disabled':
      return { kind: 'drained' }
    case 'resolving':
      return { kind: 'resolving' }
    case 'unresolved':
      return { kind: 'unresolved', why: backend instanceof Unresolved ? backend.reason : '' }
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

/** What of the job it lacks, such as `ocr/detection`; the types where it is one of the job's own properties. */
function lackingOf({ lacks }: BackendHealth, { types, models }: JobKeys): readonly string[] {
  const known = [...types, ...models].filter((key) => Object.hasOwn(lacks, key))
  return known.length > 0 ? known : types
}

/** What is ejected, the backend as a whole or one of the tasks, and why. */
function ejectionOf(
  { reachable, tasks: byTask }: BackendHealth,
  types: readonly string[],
): { readonly task: string | undefined; readonly why: string } {
  const whole = whyEjected(reachable)
  if (whole !== undefined) return { task: undefined, why: whole }
  for (const task of types) {
    const why = Object.hasOwn(byTask, task) ? whyEjected(byTask[task]) : undefined
    if (why !== undefined) return { task, why }
  }
  return { task: undefined, why: '' }
}

function whyEjected(state: BreakerState | undefined): string | undefined {
  return state?.kind === 'open' || state?.kind === 'trial' ? state.reason : undefined
}

function finite(milliseconds: number): number | undefined {
  return Number.isFinite(milliseconds) ? milliseconds : undefined
}
