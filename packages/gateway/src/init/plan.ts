import { type Finding, resultOf } from '../probe/finding.ts'
import { IMMICH_JOBS, type ImmichJob } from '../probe/immich-jobs.ts'
import type { Target } from './targets.ts'

/** A server, and what becomes of it. */
export interface PlannedBackend {
  readonly target: Target
  readonly finding: Finding
  /** `used`: it answers. `asleep`: it does not answer, and its machine sleeps. `left-out`: it cannot be used. */
  readonly state: 'used' | 'asleep' | 'left-out'
}

/** A route to write. */
export interface PlannedRoute {
  /** The jobs that it takes. */
  readonly jobs: readonly ImmichJob[]
  /** Whether it takes all other requests, too. */
  readonly isLast: boolean
  /** Names of backends. */
  readonly backends: readonly string[]
  /** Whether requests wait for a machine that sleeps. */
  readonly holds: boolean
}

/** The policy that fits the servers. */
export interface Plan {
  readonly backends: readonly PlannedBackend[]
  /** None if every backend can take every job. */
  readonly routes: readonly PlannedRoute[]
  /** Jobs that no backend can do. */
  readonly missing: readonly ImmichJob[]
}

/**
 * Plans a policy: searches go to what is always on, the fastest first; all other jobs wait for a machine that sleeps, or are
 * shared if none does. A backend that cannot do a job is not in the route of that job.
 */
export function planFor(targets: readonly Target[], findings: ReadonlyMap<string, Finding>): Plan {
  const backends = targets.map((target) => plannedBackend(target, findings.get(target.name)))
  const usable = backends.filter(({ state }) => state !== 'left-out')
  const lists = new Map(IMMICH_JOBS.map((job) => [job, backendsFor(job, usable)]))
  for (const backend of usable) addUnused(backend, lists)
  const missing = IMMICH_JOBS.filter((job) => lists.get(job)?.length === 0)
  return { backends, routes: routesOf(lists, usable), missing }
}

type Lists = Map<ImmichJob, readonly PlannedBackend[]>

function plannedBackend(target: Target, finding: Finding = NOT_ASKED): PlannedBackend {
  const isAsleep = target.sleeps && finding.kind === 'unusable' && finding.cause === 'unreachable'
  const backend = { target, finding, state: 'used' } as const
  if (isAsleep) return { ...backend, state: 'asleep' }
  return IMMICH_JOBS.some((job) => serves(backend, job)) ? backend : { ...backend, state: 'left-out' }
}

const NOT_ASKED: Finding = { kind: 'unusable', cause: 'unreachable', reason: 'it was not asked' }

/** A machine that is asleep may do everything. One that was late or busy can be used. */
function serves({ finding, state }: PlannedBackend, job: ImmichJob): boolean {
  const kind = resultOf(finding, job)?.kind
  return state === 'asleep' || kind === 'works' || kind === 'busy' || kind === 'late'
}

function timeOf({ finding }: PlannedBackend, job: ImmichJob): number {
  const result = resultOf(finding, job)
  return result?.kind === 'works' ? result.time : Number.POSITIVE_INFINITY
}

function backendsFor(job: ImmichJob, usable: readonly PlannedBackend[]): readonly PlannedBackend[] {
  const serving = usable.filter((backend) => serves(backend, job))
  const sleeping = serving.filter(({ target }) => target.sleeps)
  const awake = serving.filter(({ target }) => !target.sleeps)
  const fastestFirst = (list: readonly PlannedBackend[]) =>
    list.toSorted((a, b) => timeOf(a, job) - timeOf(b, job) || 0)
  // A search uses a machine that sleeps only if every other backend fails.
  if (job.id === 'search') return [...fastestFirst(awake), ...fastestFirst(sleeping)]
  return fastestFirst(sleeping.length > 0 ? sleeping : awake)
}

/** Adds a backend that no list has to the list of every job that it serves. */
function addUnused(backend: PlannedBackend, lists: Lists): void {
  if ([...lists.values()].some((list) => list.includes(backend))) return
  for (const [job, list] of lists) if (serves(backend, job)) lists.set(job, [...list, backend])
}

function routesOf(lists: Lists, usable: readonly PlannedBackend[]): PlannedRoute[] {
  // The last route takes what image indexing takes, or the first job that some backend can do.
  const wanted = [...lists].filter(([, list]) => list.length > 0).toSorted(([a], [b]) => rank(a) - rank(b))
  const last = wanted[0]?.[1] ?? []
  const isSame = (list: readonly PlannedBackend[]) =>
    list.length === last.length && list.every((backend) => last.includes(backend))
  const own = wanted.filter(([, list]) => !isSame(list))
  if (own.length === 0 && last.length === usable.length) return []
  const routes: PlannedRoute[] = []
  for (const [job, list] of own.toSorted(([a], [b]) => IMMICH_JOBS.indexOf(a) - IMMICH_JOBS.indexOf(b)))
    routes.push({ ...routeTo(list), jobs: [job], isLast: false })
  const rest = IMMICH_JOBS.filter((job) => !own.some(([other]) => other === job))
  return [...routes, { ...routeTo(last), jobs: rest, isLast: true }]
}

function rank({ id }: ImmichJob): number {
  return ['indexing', 'faces', 'ocr', 'search'].indexOf(id)
}

function routeTo(list: readonly PlannedBackend[]): Pick<PlannedRoute, 'backends' | 'holds'> {
  return {
    backends: list.map(({ target }) => target.name),
    holds: list.length > 0 && list.every(({ target }) => target.sleeps),
  }
}
