import type { Backend } from '../backend/backend.ts'
import type { BackendProbe, DrainOptions } from '../backend/backend-group.ts'
import type { Classification } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import type { PolicyChanges } from '../config/changes.ts'
import type { Policy } from '../config/policy.ts'
import { explain } from '../explain/explain-route.ts'
import type { Explanation } from '../explain/explanation.ts'
import { headOf, type RequestHead } from '../incoming-message.ts'
import type { HoldEvent, Lease } from '../routing/lease.ts'
import type { RouteSelector } from '../routing/route-selector.ts'
import type { RoutedRequest } from '../routing/routed-request.ts'
import type { ExplainOptions, SelectOptions } from '../routing/select-options.ts'
import type { Canaries, ForwardCanary } from './canaries.ts'
import type { FreezeDetector } from './freeze-detector.ts'
import { PolicyRuntime, type SelectEnvironment } from './policy-runtime.ts'
import type { RouterBackends } from './router-backends.ts'

/** What is known of a route. */
export interface RouteInfo {
  readonly name: string
  /** Requests that wait, by why they began to: for a slot of a backend at its limit, or for an available backend. */
  readonly waiting: Readonly<Record<HoldEvent['reason'], number>>
}

/** Jobs that will come to a backend, as far as something outside of the router knows. */
export interface ExpectedJobs {
  /** Bulk jobs that are queued; `wake.when` goes by it. */
  readonly queued: number
  /** Whether they wait for the backend: then its machine is woken, as for held bulk requests. */
  readonly wanted: boolean
}

/** Selects backends by the policy in force. */
export interface Select {
  /**
   * A lease on a backend, now or once one can take the request.
   *
   * @throws {NoBackendError} when every backend of the route is excluded, lacks a task of the request, or is unreachable.
   * @throws {HoldError} when the request has waited for its longest wait, or too many requests wait.
   * @throws the signal's reason when it is aborted.
   */
  (classification: Classification, options?: SelectOptions): Promise<Lease>
  /** The request on its route. @param head Its head; without it, as {@link SelectOptions.request} says. */
  route(classification: Classification, head?: RequestHead): RoutedRequest
  /**
   * A lease on one backend by its name, whatever the routes say: for code that overrules the policy.
   *
   * @throws {RangeError} when there is no backend of this name.
   * @throws {NoBackendError} when its name has no address.
   */
  lease(backend: string): Lease
  /**
   * What would be decided now, and why: the route, and the reason for each of its backends. It changes nothing: it takes no
   * lease and no turn, and wakes no machine. A match written in code is called.
   */
  explain(classification: Classification, options?: ExplainOptions): Explanation
  /** The backends that requests may go to now, each endpoint by itself. */
  backends(): readonly Backend[]
  /** The backends that get no more requests, since their address or their policy is gone, and have requests in flight. */
  leaving(): readonly Backend[]
  readonly clock: Clock
  /** Requests that wait, by route; without routes of which none waits. */
  held(): Readonly<Record<string, number>>
  /** Every route, in order. */
  routes(): readonly RouteInfo[]
  /** The tasks that the policy names: those of matches, without patterns, and those of backends. */
  tasks(): readonly string[]
  /** The most bytes that the bodies of held requests take together: `hold.maxBytes`. */
  maxHeldBytes(): number
  /** Whether a request could be sent somewhere, or held. */
  useful(): boolean
  /** Sends a backend no more requests. Resolves when none is in flight there. */
  drain(backend: string, options?: DrainOptions): Promise<void>
  /** Sends a backend requests again. */
  enable(backend: string): void
  /** Wakes a backend's machine now. */
  wake(backend: string): Promise<void>
  /** Probes a backend now. @returns Why it is not healthy. */
  probe(backend: string): Promise<string | undefined>
  /** Tells of jobs that are queued outside of the router, see `Router.expect()`. */
  expect(backend: string, jobs: ExpectedJobs): void
  /**
   * Puts another policy in force. Requests in flight go on, and follow the new policy when they fail. Waiting requests keep their
   * place, and their longest waits do not get shorter. A backend of the same name and URL keeps its state.
   *
   * @returns what is different.
   * @throws {ConfigError} with every mistake in the policy, each with its path; then nothing has changed.
   * @throws {RouterClosedError} when it is closed.
   */
  reload(policy: Policy): PolicyChanges
  /**
   * Checks another policy.
   *
   * @returns a function that puts it in force as {@link Select.reload} does, and does not throw. Call it before anything else
   *   changes.
   * @throws as {@link Select.reload} does.
   */
  prepare(policy: Policy): () => PolicyChanges
  /**
   * Starts the probes and the discovery of endpoints, which otherwise begins with the first request. Only the first call counts.
   *
   * @param forwardCanary How canaries are sent; without it, none is.
   */
  start(probe: BackendProbe, forwardCanary?: ForwardCanary): void
  /** Requests of the router's own, which tell whether a backend or a job is at fault. */
  readonly canaries: Canaries
  /** The backends, for modules that examine them. */
  readonly examined: RouterBackends
  /** Finds out whether a backend that does not answer is frozen. */
  readonly freezes: FreezeDetector
  /**
   * Drains: new and waiting requests wait until `close()`, whatever their longest wait. A request that was sent before may still
   * get a lease, and probes go on.
   */
  suspend(): void
  /** Aborted by `suspend()` and `close()`. */
  readonly stopping: AbortSignal
  /** Ends the probes and the discovery, and every wait with `RouterClosedError`. No request waits from then on. */
  close(): void
}

/**
 * Compiles a policy into a function that selects a backend for a request.
 *
 * @example
 * ```ts
 * import { classifyPredictRequest, selectBackend } from '@immich-ml-router/core'
 *
 * const select = selectBackend({ backends: { gpu: { url: 'http://gpu:3003' } } })
 * export async function backendFor(request: Request): Promise<string> {
 *   const { classification } = await classifyPredictRequest(request)
 *   const lease = await select(classification, { signal: request.signal })
 *   lease.release()
 *   return lease.backend.name
 * }
 * ```
 *
 * @throws {ConfigError} with every mistake in the policy, each with its path.
 */
export function selectBackend<const Name extends string>(
  policy: Policy<Name>,
  environment: SelectEnvironment = {},
): Select {
  const runtime = new PolicyRuntime(policy, environment)
  const { pool, table, route } = runtime
  const select = (classification: Classification, options: SelectOptions = {}) =>
    route(classification, headOf(options.request)).select(options)
  return Object.assign(select, {
    route,
    clock: table.context.clock,
    stopping: runtime.stopping,
    backends: () => pool.members,
    leaving: () => pool.leaving,
    lease: (name: string) => runtime.lease(name),
    explain: (classification: Classification, options: ExplainOptions = {}) =>
      explain(
        table.selectors.map((selector) => selector.route),
        table.decide(classification, options),
      ),
    held: () => waitingByRoute(table.selectors),
    routes: () => table.selectors.map(({ route, waitingFor }) => ({ name: route.name, waiting: waitingFor })),
    tasks: () => runtime.tasks,
    maxHeldBytes: () => runtime.maxHeldBytes,
    useful: () => runtime.isUseful,
    drain: (name: string, options?: DrainOptions) => pool.group(name).drain(options),
    enable: (name: string) => pool.group(name).enable(),
    wake: async (name: string) => pool.group(name).wake(),
    probe: async (name: string) => pool.group(name).probe(),
    expect: (name: string, { queued, wanted }: ExpectedJobs) => pool.group(name).expect(queued, wanted),
    reload: (next: Policy) => runtime.prepare(next)(),
    prepare: (next: Policy) => runtime.prepare(next),
    start: (probe: BackendProbe, forwardCanary?: ForwardCanary) => runtime.start(probe, forwardCanary),
    canaries: runtime.canaries,
    examined: runtime.backends,
    freezes: runtime.freezes,
    suspend: () => runtime.drain(),
    close: () => runtime.close(),
  })
}

function waitingByRoute(selectors: readonly RouteSelector[]): Readonly<Record<string, number>> {
  const waiting = new Map<string, number>()
  for (const { route, waits } of selectors)
    if (waits.size > 0) waiting.set(route.name, (waiting.get(route.name) ?? 0) + waits.size)
  return Object.fromEntries(waiting)
}
