import type { Backend, BackendInfo, BackendProbe } from '../backend/backend.ts'
import { BackendGroup, type GroupChange } from '../backend/backend-group.ts'
import { NO_KEYS } from '../backend/job-keys.ts'
import { Pool, type PoolChanges } from '../backend/pool.ts'
import { Unresolved } from '../backend/unresolved.ts'
import { first } from '../balance/first.ts'
import { callSafely } from '../call-safely.ts'
import type { Classification } from '../classify/classification.ts'
import { type Clock, systemClock } from '../clock.ts'
import { diff, type PolicyChanges } from '../config/changes.ts'
import type { Heartbeats } from '../config/patience.ts'
import type { Policy } from '../config/policy.ts'
import { dnsResolver, type Resolver } from '../discover/resolver.ts'
import { NoBackendError, RouterClosedError } from '../errors.ts'
import type { Explanation } from '../explain/explanation.ts'
import { type CompiledPolicy, compilePolicy } from './compile-policy.ts'
import type { HoldEvent, Lease } from './lease.ts'
import type { ExplainOptions, SelectOptions } from './route-selection.ts'
import { type RouteInfo, Routing } from './routing.ts'

/** What has changed about a backend. */
export type BackendEvent = GroupChange & {
  /** Name of the backend. */
  readonly backend: string
  /** The address that it is about, when it is one of several that the backend has. */
  readonly endpoint: string | undefined
}

export interface SelectEnvironment {
  /**
   * Where time comes from, for tests.
   * @default the system's
   */
  readonly clock?: Clock | undefined
  /**
   * Where the names of backends with `discover` are looked up.
   * @default `dnsResolver()`: the system's DNS servers, and then the operating system
   */
  readonly resolver?: Resolver | undefined
  /** Told of every change of a backend. */
  readonly onBackendChange?: ((event: BackendEvent) => void) | undefined
  /** Told when a request begins and ends to wait. */
  readonly onHold?: ((event: HoldEvent) => void) | undefined
  /**
   * Starts a machine in any way that is not Wake-on-LAN: called when a request wants a backend that is down, at most once
   * in the backend's `wake.every`, or in 30 s.
   */
  readonly onUnavailable?: ((backend: BackendInfo) => void) | undefined
}

/** A compiled policy. */
export interface Select {
  /**
   * @throws {NoBackendError} when every backend of the route is excluded, or lacks a task of the request.
   * @throws {HoldError} when the request has waited as long as it may, or too many wait.
   * @throws the signal's reason when it is aborted.
   */
  (classification: Classification, options?: SelectOptions): Promise<Lease>
  /**
   * The lease on one backend by its name, whatever the routes say: for code that knows better than the policy.
   *
   * @throws {RangeError} when there is no backend of this name.
   * @throws {NoBackendError} when its name has no address.
   */
  lease(backend: string): Lease
  /**
   * What would be decided now, and why: the route, and what is to be said of each of its backends. It changes nothing: no
   * lease is taken, no turn, and no machine is woken. A match written in code is called.
   */
  explain(classification: Classification, options?: ExplainOptions): Explanation
  /** The signs of life that a request gets by its route; `undefined` for none. */
  heartbeats(classification: Classification): Heartbeats | undefined
  /** Every server that requests may go to at this time: the backends, and the endpoints of those that have some. */
  backends(): readonly Backend[]
  /**
   * The servers that get nothing more, since their address is gone or they are in the policy no more, and where requests
   * are still running.
   */
  leaving(): readonly Backend[]
  /** Where its time comes from. */
  readonly clock: Clock
  /** Requests that wait, by route; those of which none waits are not in it. */
  held(): Readonly<Record<string, number>>
  /** Name of the route that takes a request. */
  routeOf(classification: Classification): string
  /** Every route, in order. */
  routes(): readonly RouteInfo[]
  /** The tasks that the policy names: those of matches, without patterns, and those of backends. */
  tasks(): readonly string[]
  /** The most bytes that the bodies of held requests take together: `hold.maxBytes`. */
  maxHeldBytes(): number
  /** Whether a request could be sent somewhere, or wait. */
  useful(): boolean
  /** Sends a backend nothing more. Resolves when what is running there is over. */
  drain(backend: string): Promise<void>
  /** Sends a backend requests again. */
  enable(backend: string): void
  /** Has a backend's machine switched on, now. */
  wake(backend: string): Promise<void>
  /**
   * Has another policy from now on. What is running goes on, and looks at the new policy when it fails; those who wait
   * keep their place, and wait for no shorter than they would have. A backend of the same name and URL keeps its state.
   *
   * @returns what is different.
   * @throws {ConfigError} with every mistake in the policy, each with its path; then nothing has changed.
   * @throws {RouterClosedError} when it is closed.
   */
  reload(policy: Policy): PolicyChanges
  /**
   * Checks another policy.
   *
   * @returns What has it in force, as {@link Select.reload} does; it does not throw. Call it before anything else changes.
   * @throws as {@link Select.reload} does.
   */
  prepare(policy: Policy): () => PolicyChanges
  /** Starts the probes and the discovery of endpoints, which begins with the first request otherwise; once. */
  start(probe: BackendProbe): void
  /** Whether it is a bulk request, its priority not above 0, on a route that holds requests. */
  isHeldBulk(classification: Classification): boolean
  /**
   * Drains: new requests and those that wait are kept waiting until `close()`, however short their patience. A request
   * that was tried before may still get a lease, and probes go on.
   */
  suspend(): void
  /** Aborted by `suspend()` and `close()`. */
  readonly stopping: AbortSignal
  /** Ends the probes and the discovery, and answers those who wait with {@link RouterClosedError}; nobody waits from then on. */
  close(): void
}

/**
 * Compiles a policy into a function that chooses a backend for a request.
 *
 * @throws {ConfigError} with every mistake in the policy, each with its path.
 */
export function selectBackend<const Name extends string>(
  policy: Policy<Name>,
  environment: SelectEnvironment = {},
): Select {
  const { clock = systemClock, resolver, onBackendChange, onUnavailable } = environment
  const onHold = (event: HoldEvent) => callSafely(() => environment.onHold?.(event))
  /** What there is to tell, as long as something is being changed. */
  let untold: (() => void)[] | undefined
  const pool = new Pool((name, settings) => {
    const group: BackendGroup = new BackendGroup(name, settings, {
      clock,
      resolver: () => resolver ?? dnsResolver(),
      onChange: (change, endpoint) => {
        const tell = () => {
          if (change.kind === 'wanted') callSafely(() => onUnavailable?.(group))
          onBackendChange?.({ backend: name, endpoint, ...change })
        }
        if (untold === undefined) callSafely(tell)
        else untold.push(tell)
      },
      onRelief: () => routing.line.poke(),
    })
    return group
  })
  const routing = new Routing(pool, clock, onHold)
  let compiled = compilePolicy(policy)
  const become = (next: CompiledPolicy): PoolChanges => {
    const changes = pool.become(next.backends)
    routing.become(
      next.routes((names) => pool.membersOf(names)),
      next,
    )
    compiled = next
    return changes
  }
  become(compiled)

  const stopping = new AbortController()
  let discovering = false
  const discover = () => {
    if (discovering) return
    discovering = true
    for (const group of pool.groups) group.discover()
  }
  let probing: BackendProbe | undefined
  const commit = (after: CompiledPolicy): PolicyChanges => {
    const { written } = compiled
    const telling: (() => void)[] = []
    untold = telling
    try {
      const { added, removed } = routing.line.change(() => become(after))
      for (const group of added) {
        if (discovering) group.discover()
        if (probing !== undefined) group.start(probing)
      }
      const changed = ({ name: backend, url }: BackendGroup, kind: 'added' | 'removed') =>
        telling.push(() => onBackendChange?.({ backend, endpoint: undefined, kind, url }))
      for (const group of removed) changed(group, 'removed')
      for (const group of added) changed(group, 'added')
      const replaced = added.flatMap(({ name }) => (removed.some((gone) => gone.name === name) ? [name] : []))
      return diff(written, after.written, replaced)
    } finally {
      untold = undefined
      for (const tell of telling) callSafely(tell)
    }
  }
  const prepare = (next: Policy): (() => PolicyChanges) => {
    if (routing.closed !== undefined) throw routing.closed
    const after = compilePolicy(next, routing.routes)
    return () => commit(after)
  }

  const { pick } = first()
  const byName = (name: string): Backend => {
    const { members } = pool.group(name)
    discover()
    const [only] = members
    if (only instanceof Unresolved) throw new NoBackendError(CHOSEN_IN_CODE, only.reason)
    const [free, ...others] = members.filter((backend) => backend.obstacle(NO_KEYS) === undefined)
    return free === undefined ? only : pick([free, ...others], NO_JOB)
  }
  const select = (classification: Classification, options: SelectOptions = {}): Promise<Lease> => {
    discover()
    return routing.select(classification, options)
  }
  return Object.assign(select, {
    clock,
    backends: () => pool.members,
    leaving: () => pool.leaving,
    lease: (name: string): Lease => {
      const backend = byName(name)
      return {
        backend,
        route: CHOSEN_IN_CODE,
        timeouts: compiled.timeouts(name),
        retries: 0,
        left: () => 0,
        place: { arrival: 0, since: clock.now() },
        provenOther: () => false,
        usableOthers: () => 0,
        isRefusedByAll: () => false,
        isCredible: () => true,
        bulk: false,
        holds: false,
        hedges: 0,
        lateAfter: () => undefined,
        spare: () => undefined,
        ...backend.reserve(),
      }
    },
    explain: (classification: Classification, options: ExplainOptions = {}) =>
      routing.explain(classification, options),
    heartbeats: (classification: Classification) =>
      // Of what is not known to be a job, it is not known that its answer is JSON.
      classification.classified ? routing.of(classification).route.heartbeats : undefined,
    held: () => routing.held,
    routeOf: (classification: Classification) => routing.of(classification).route.name,
    routes: () => routing.infos,
    tasks: () => tasksOf(compiled.written),
    maxHeldBytes: () => compiled.maxBytes,
    drain: (name: string) => pool.group(name).drain(),
    enable: (name: string) => pool.group(name).enable(),
    wake: async (name: string) => pool.group(name).wake(),
    reload: (next: Policy) => prepare(next)(),
    prepare,
    start: (probe: BackendProbe) => {
      probing = probe
      discover()
      for (const group of pool.groups) group.start(probe)
    },
    isHeldBulk: (classification: Classification) => {
      const { route } = routing.of(classification)
      return route.hold !== undefined && route.priorityOf(classification) <= 0
    },
    suspend: () => {
      routing.suspend()
      stopping.abort()
    },
    stopping: stopping.signal,
    close: () => {
      stopping.abort()
      for (const group of pool.groups) group.stop()
      routing.close(new RouterClosedError())
    },
    useful: () => pool.members.some((backend) => backend.obstacle(NO_KEYS) === undefined) || routing.holds,
  })
}

function tasksOf({ backends, routes = [] }: Policy): readonly string[] {
  const matched = routes.flatMap(({ match }) => (typeof match === 'object' ? [match.task ?? []].flat() : []))
  const served = Object.values(backends).flatMap(({ tasks = [] }) => tasks)
  return [...new Set([...matched.filter((task) => !task.includes('*')), ...served])]
}

const CHOSEN_IN_CODE = 'chosen in code'
const NO_JOB = { kind: '', models: '', queued: 0, urgent: false, sinceLast: 0 }
