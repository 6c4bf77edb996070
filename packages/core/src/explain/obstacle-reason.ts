import type { BackendView } from '../backend/backend-view.ts'
import type { BreakerState } from '../backend/health/breaker.ts'
import type { BackendHealth, Obstacle } from '../backend/health/health-view.ts'
import type { JobKeys } from '../backend/job-keys.ts'
import type { RouteRequest } from '../routing/route-request.ts'
import type { CandidateReason } from './explanation.ts'

/** An obstacle with its cause, and when it ends. @param rating What the strategy says about the backend, if it was asked. */
export function obstacleReason(
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
  for (const task of types) {
    const why = Object.hasOwn(byTask, task) ? ejectionCause(byTask[task]) : undefined
    if (why !== undefined) return { task, why }
  }
  return { task: undefined, why: '' }
}

function ejectionCause(state: BreakerState | undefined): string | undefined {
  return state?.kind === 'open' || state?.kind === 'trial' ? state.reason : undefined
}

/** `undefined` for no limit. */
export function finite(milliseconds: number): number | undefined {
  return Number.isFinite(milliseconds) ? milliseconds : undefined
}
