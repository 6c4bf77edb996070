import type { Backend } from '../backend/backend.ts'
import type { Obstacle } from '../backend/health/health.ts'
import type { JobKeys } from '../backend/job-keys.ts'
import type { Classification } from '../classify/classification.ts'
import type { Patience } from '../config/patience.ts'
import type { RouteExplanation } from '../explain/explanation.ts'
import type { Candidates } from './candidates.ts'
import type { CompiledRoute } from './compile-policy.ts'
import type { Place } from './lease.ts'

/** What there is to choose from for one request. */
export interface Choice {
  readonly classification: Classification
  /** The one that takes it. */
  readonly route: CompiledRoute
  /** How long it waits. */
  readonly patience: Patience
  readonly tasks: readonly string[]
  readonly kind: string
  readonly models: string
  /** By what the health of backends is kept. */
  readonly job: JobKeys
  readonly priority: number
  readonly candidates: Candidates
  readonly exclude: ReadonlySet<string>
  readonly avoid: ReadonlySet<string>
  readonly retry: boolean
  readonly place: Place
  readonly isReady: () => boolean
  /** When it may be sent at the earliest, on the clock: it has failed and waits before the next attempt. */
  readonly notBefore: number
  /** Whether what is excluded may be chosen once no other candidate is left to wait for. */
  readonly relaxes: boolean
  /** Told what is about to be decided, each time that it is. */
  readonly onDecision: ((explanation: RouteExplanation) => void) | undefined
}

/** What stands in the way of each candidate: seen once, since the time alone can change it. */
export type Look = readonly {
  readonly backend: Backend
  readonly obstacle: Obstacle | undefined
  /** Whether it has fewer requests than it may have, whatever else stands in the way. */
  readonly hasRoom: boolean
}[]

/** How bad it is to use a backend all the same, from the least bad. */
export const BADNESS: readonly Obstacle['kind'][] = ['full', 'recovering', 'busy', 'ejected', 'down', 'lacks']

/** They end by themselves, as requests do: it is worth waiting for them. */
const PASSING: ReadonlySet<Obstacle['kind']> = new Set(['full', 'recovering', 'resolving'])

export function look(choice: Choice): Look {
  return choice.candidates.now.map((backend) => ({
    backend,
    hasRoom: backend.hasRoom(choice.priority > 0),
    obstacle: obstacleOf(choice, backend),
  }))
}

/** Why a request cannot go to a backend now; `undefined` when it can. */
export function obstacleOf({ job, priority, isReady }: Choice, backend: Backend): Obstacle | undefined {
  const obstacle = backend.obstacle(job, priority > 0)
  if (obstacle !== undefined) return obstacle
  return backend.isRare(job) && !isReady() ? NOT_READY : undefined
}

/** Whether a backend can be used now, or as soon as a request there ends. */
export function isThere(obstacle: Obstacle | undefined): boolean {
  return obstacle === undefined || obstacle.kind === 'full' || PASSING.has(obstacle.kind)
}

/** Whether one of them is there, and has as many requests as it may have. */
export function isFull(seen: Look): boolean {
  return seen.some(({ obstacle }) => obstacle !== undefined && isThere(obstacle))
}

/** Those that fit, unless none of these can be used now. */
export function narrowed(
  choice: Choice,
  backends: readonly Backend[],
  fits: (backend: Backend) => boolean,
): readonly Backend[] {
  const fitting = backends.filter(fits)
  return fitting.some((backend) => obstacleOf(choice, backend) === undefined) ? fitting : backends
}

/** A slot of a backend that is coming back is not for a request that is still arriving. */
const NOT_READY: Obstacle = { kind: 'recovering', until: Number.POSITIVE_INFINITY }
