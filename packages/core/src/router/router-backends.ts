import { isDeepStrictEqual } from 'node:util'
import type { Backend } from '../backend/backend.ts'
import type { BackendView } from '../backend/backend-view.ts'
import type { ModelProblem } from '../backend/model-problem.ts'
import { type CanaryResult, UNKNOWN } from '../canary/canary.ts'
import type { Sample } from '../canary/samples.ts'
import type { Classification } from '../classify/classification.ts'
import { jobKeysOf, jobNames } from '../routing/jobs.ts'
import type { RouteTable } from '../routing/route-table.ts'
import type { Canaries } from './canaries.ts'
import type { BackendEvent } from './policy-runtime.ts'

/** The backends of a router, for modules that examine them. */
export interface RouterBackends {
  /** The backends of a route in its order, each endpoint by itself; none if there is no route of this name. */
  of(route: string): readonly BackendView[]
  /** A recent request with the same tasks, types and models that was answered with a result, if there is one. */
  sampleOf(classification: Classification): Sample | undefined
  /**
   * Sends a backend a request of the router's own: the jobs of the classification on the input of the sample. It wakes no
   * machine, and all such requests together take at most 20 % of the backend's time.
   *
   * @param options `whenFull`: whether to ask a backend at its concurrency limit.
   * @returns A good answer. `undefined` if the backend was not asked, because it is unavailable, at its limit or was asked too
   *   much, or `canary` is off; and if it gave no good answer.
   */
  ask(
    backend: BackendView,
    classification: Classification,
    sample: Sample,
    options?: { readonly whenFull?: boolean | undefined },
  ): Promise<Buffer | undefined>
  /**
   * Has a backend load models: sends it a canary of each job, one after the other. Until a job is done, its requests go to other
   * candidates, if there are any, for 10 s also to those at their limit. Does nothing for a job that was done there within a minute or is being loaded, and without `canary`.
   *
   * @returns when all are done, or the backend cannot be reached. Emits the event `backend`.
   */
  warm(backend: BackendView, jobs: readonly Classification[]): Promise<void>
  /**
   * Replaces what is known to be wrong with models on backends, by the `id` of each backend. A problem with `excluded` keeps
   * the jobs of the route from the backend. Each new or fixed problem emits the event `backend`.
   */
  report(problems: ReadonlyMap<string, readonly ModelProblem[]>): void
}

/** What a module may do with the backends of a policy. */
export function routerBackends(
  table: RouteTable,
  canaries: Canaries,
  emit: (event: BackendEvent) => void,
): RouterBackends {
  const { pool, queue } = { pool: table.context.pool, queue: table.queue }
  const found = ({ id }: BackendView) => pool.members.find((backend) => backend.id === id)
  return {
    of: (route) =>
      table.selectors.find((selector) => selector.route.name === route)?.route.members.current ?? [],
    sampleOf: (classification) => canaries.sampleOf(classification),
    ask: async (view, classification, sample, { whenFull = false } = {}) => {
      const backend = found(view)
      const obstacle = backend?.health.obstacle(jobKeysOf(classification.entries), false)?.kind
      if (backend === undefined || (obstacle !== undefined && !(whenFull && obstacle === 'full')))
        return undefined
      return canaries.ask(backend, classification, sample)
    },
    warm: async (view, jobs) => {
      const backend = found(view)
      if (backend === undefined || !canaries.areSent) return
      const now = table.context.clock.now()
      const isCold = (job: Classification) =>
        !backend.latency.isWarm(jobNames(job).kind, now) &&
        jobKeysOf(job.entries).models.some((name) => !backend.warming.has(name))
      const cold = jobs.filter(isCold)
      if (cold.length > 0) await warm(backend, cold, { table, canaries, emit })
    },
    report: (problems) => {
      for (const backend of pool.members) setProblems(backend, problems.get(backend.id) ?? [], emit)
      // A request may be waiting for a backend that was excluded.
      queue.wake()
    },
  }
}

interface WarmContext {
  readonly table: RouteTable
  readonly canaries: Canaries
  readonly emit: (event: BackendEvent) => void
}

/** After this time, no further model is loaded before requests need it, in milliseconds. */
const LONGEST_WARM_UP = 120_000

async function warm(
  backend: Backend,
  jobs: readonly Classification[],
  { table, canaries, emit }: WarmContext,
): Promise<void> {
  const { clock } = table.context
  const { name, endpoint, warming } = backend
  const start = clock.now()
  const keys = jobs.map(({ entries }) => jobKeysOf(entries).models)
  for (const key of keys.flat()) warming.set(key, start)
  let reason: string | undefined
  let goesOn = true
  for (const [index, job] of jobs.entries()) {
    const result: CanaryResult = goesOn ? await canaries.load(backend, job) : UNKNOWN
    if (result.kind === 'failed') {
      reason ??= result.reason
      goesOn = result.scope !== 'unreachable'
    }
    goesOn &&= clock.now() - start < LONGEST_WARM_UP
    for (const key of keys[index] ?? []) warming.delete(key)
    table.queue.wake()
  }
  emit({ backend: name, endpoint, kind: 'warmed', jobs: keys.flat(), time: clock.now() - start, reason })
}

function setProblems(
  backend: Backend,
  problems: readonly ModelProblem[],
  emit: (event: BackendEvent) => void,
): void {
  const before = backend.problems
  backend.problems = problems
  const tell = (from: readonly ModelProblem[], than: readonly ModelProblem[], fixed: boolean) => {
    const { name, endpoint } = backend
    for (const problem of from)
      if (!than.some((other) => isSame(problem, other, fixed)))
        emit({ backend: name, endpoint, kind: 'model-problem', problem, fixed })
  }
  tell(before, problems, true)
  tell(problems, before, false)
}

/** A problem whose reason has changed is no fixed one. */
function isSame(problem: ModelProblem, other: ModelProblem, fixed: boolean): boolean {
  if (!fixed) return isDeepStrictEqual(problem, other)
  return (
    problem.route === other.route &&
    problem.model === other.model &&
    isDeepStrictEqual(problem.jobs, other.jobs)
  )
}
