import type { Backend } from '../backend/backend.ts'
import type { BackendView } from '../backend/backend-view.ts'
import type { Obstacle } from '../backend/health/health-view.ts'
import { defaults } from '../config/defaults.ts'
import { isExcluded, isNamed } from './candidates.ts'
import type { RouteRequest } from './route-request.ts'

/** What a decision found out about a backend of the route. */
export interface Assessment {
  readonly backend: Backend
  /** Why the backend cannot take the request now; `undefined` when it can. */
  readonly obstacle: Obstacle | undefined
  /**
   * Whether the strategy was asked about it, or why not: it lacks a task, is excluded, has a problem with the
   * model, is unavailable, failed this request, failed
   * others recently, loads the models of the job, is full on a route that spills, or its tier is not needed.
   */
  readonly state:
    | 'lacks-task'
    | 'excluded'
    | 'model-problem'
    | 'unavailable'
    | 'tried'
    | 'failed-recently'
    | 'warming'
    | 'full'
    | 'higher-tier'
    | 'candidate'
}

export type MutableAssessment = { -readonly [K in keyof Assessment]: Assessment[K] }

/** Assesses a backend of the route by itself. */
export function assess(request: RouteRequest, backend: Backend): MutableAssessment {
  if (!backend.serves(request.classification.tasks))
    return { backend, obstacle: undefined, state: 'lacks-task' }
  const { exclude, job, priority } = request
  if (backend.problems.length > 0 && isExcluded(request, backend))
    return { backend, obstacle: undefined, state: 'model-problem' }
  if (exclude.size > 0 && isNamed(backend, exclude))
    return { backend, obstacle: undefined, state: 'excluded' }
  const obstacle = backend.health.obstacle(job, priority > 0)
  return {
    backend,
    obstacle,
    state: obstacle === undefined || PASSING.has(obstacle.kind) ? 'candidate' : 'unavailable',
  }
}

/** Obstacles that end when a request on the backend ends: such a backend is worth waiting for. */
const PASSING: ReadonlySet<Obstacle['kind']> = new Set(['full', 'recovering', 'resolving'])

/** Whether a backend can take a request now, or as soon as another request there ends. */
export function isAvailable({ job, priority }: RouteRequest, { health }: Backend): boolean {
  const obstacle = health.obstacle(job, priority > 0)
  return obstacle === undefined || PASSING.has(obstacle.kind)
}

/** Whether some candidate is available and at its limit. */
export function isAnyFull(request: RouteRequest): boolean {
  return request.route.members.current.some((backend) => {
    const { obstacle, state } = assess(request, backend)
    return state === 'candidate' && obstacle !== undefined
  })
}

/** Whether some candidate restarts, and gets requests again after it. */
export function isAnyRestarting(request: RouteRequest): boolean {
  return request.route.members.current.some((backend) => assess(request, backend).obstacle?.restarts === true)
}

/** Whether nothing has failed on the backend for as long as retries are counted. */
export function isProven({ health }: BackendView): boolean {
  return health.wellFor(defaults.retryBudgetWindow)
}

/** Whether a request could be sent there at all: the backend is neither drained nor without an address. */
export function isUsable({ obstacle }: Assessment): boolean {
  return obstacle?.kind !== 'disabled' && obstacle?.kind !== 'unresolved'
}

/**
 * Whether a connection failed after this request arrived, so another attempt would only fail as well. A retry finds out by
 * itself.
 */
export function isUnreachable({ retry, place }: RouteRequest, backend: Backend): boolean {
  return !retry && backend.health.triedInVainSince(place.since)
}
