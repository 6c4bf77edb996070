import type { Backend } from '../backend/backend.ts'
import {
  type BackendCanary,
  BackendGroup,
  type BackendProbe,
  type GroupSettings,
} from '../backend/backend-group.ts'
import type { BackendInfo } from '../backend/backend-view.ts'
import type { GroupChange } from '../backend/group-change.ts'
import { NO_KEYS } from '../backend/job-keys.ts'
import { Pool, type PoolChanges } from '../backend/pool.ts'
import { first } from '../balance/first.ts'
import { callSafely } from '../call-safely.ts'
import type { Classification } from '../classify/classification.ts'
import { type Clock, systemClock } from '../clock.ts'
import { diff, type PolicyChanges } from '../config/changes.ts'
import type { Policy } from '../config/policy.ts'
import { dnsResolver, type Resolver } from '../discover/resolver.ts'
import { NoBackendError, RouterClosedError } from '../errors.ts'
import { NO_HEAD, type RequestHead } from '../incoming-message.ts'
import { type CompiledPolicy, compilePolicy } from '../routing/compile-policy.ts'
import type { HoldEvent, Lease } from '../routing/lease.ts'
import { RouteTable } from '../routing/route-table.ts'
import { RoutedRequest } from '../routing/routed-request.ts'
import { Canaries, type ForwardCanary } from './canaries.ts'
import { FreezeDetector } from './freeze-detector.ts'
import { type RouterBackends, routerBackends } from './router-backends.ts'

/** What has changed about a backend. */
export type BackendEvent = GroupChange & {
  /** Name of the backend. */
  readonly backend: string
  /** The address, when it is one of several that the backend has. */
  readonly endpoint: string | undefined
}

/** What a policy gets from outside: time, name resolution, and listeners. */
export interface SelectEnvironment {
  /**
   * Source of time, for tests.
   * @default the system's
   */
  readonly clock?: Clock | undefined
  /**
   * Where the names of backends with `discover` are looked up.
   * @default `dnsResolver()`: the system's DNS servers, and then the operating system
   */
  readonly resolver?: Resolver | undefined
  /** Called with every change of a backend. */
  readonly onBackendChange?: ((event: BackendEvent) => void) | undefined
  /** Called when a request begins to wait, and when its wait ends. */
  readonly onHold?: ((event: HoldEvent) => void) | undefined
  /**
   * Starts a machine in any way that is not Wake-on-LAN. Called when a request wants a backend that is down, at most once in
   * the backend's `wake.every`, or in 30 s.
   */
  readonly onUnavailable?: ((backend: BackendInfo) => void) | undefined
}

/** A policy in force: its backends with their live state, and its routes. */
export class PolicyRuntime {
  readonly pool: Pool
  readonly table: RouteTable
  readonly canaries: Canaries
  readonly freezes: FreezeDetector
  readonly backends: RouterBackends
  readonly #environment: SelectEnvironment
  readonly #stopping = new AbortController()
  /** For leases by name. */
  readonly #turns = first()
  #policy: CompiledPolicy
  #isDiscovering = false
  #probe: BackendProbe | undefined
  #sendCanary: BackendCanary | undefined
  /** Events of a reload, which are sent once it is complete. */
  #pendingEvents: (() => void)[] | undefined

  /** @throws {ConfigError} with every mistake in the policy, each with its path. */
  constructor(policy: Policy, environment: SelectEnvironment) {
    this.#environment = environment
    const { clock = systemClock } = environment
    this.pool = new Pool((name, settings, onMembers) => this.#makeGroup(name, settings, onMembers))
    this.table = new RouteTable({
      pool: this.pool,
      clock,
      onHold: (event) => callSafely(() => environment.onHold?.(event)),
    })
    this.canaries = new Canaries(clock, () => this.#policy)
    this.freezes = new FreezeDetector(clock, this.canaries)
    this.backends = routerBackends(this.table, this.canaries, (event) =>
      this.#emit(() => environment.onBackendChange?.(event)),
    )
    this.#policy = compilePolicy(policy)
    this.#replace(this.#policy)
  }

  #makeGroup(name: string, settings: GroupSettings, onMembers: () => void): BackendGroup {
    const { resolver, onUnavailable, onBackendChange } = this.#environment
    const group: BackendGroup = new BackendGroup(name, settings, {
      clock: this.table.context.clock,
      resolver: () => resolver ?? dnsResolver(),
      onChange: (change, endpoint) =>
        this.#emit(() => {
          if (change.kind === 'wanted') callSafely(() => onUnavailable?.(group))
          onBackendChange?.({ backend: name, endpoint, ...change })
        }),
      onMembers,
      onRelief: () => {
        const { queue } = this.table
        if (queue.length > 0) queue.wake()
      },
    })
    return group
  }

  #emit(event: () => void): void {
    if (this.#pendingEvents === undefined) callSafely(event)
    else this.#pendingEvents.push(event)
  }

  #replace(policy: CompiledPolicy): PoolChanges {
    const changes = this.pool.configure(policy.backends)
    this.table.replace(
      policy.routes((names) => this.pool.membersOf(names)),
      policy,
    )
    this.#policy = policy
    return changes
  }

  /** Aborted by `drain()` and `close()`. */
  get stopping(): AbortSignal {
    return this.#stopping.signal
  }

  get maxHeldBytes(): number {
    return this.#policy.maxBytes
  }

  /** The tasks that the policy names: those of matches, without patterns, and those of backends. */
  get tasks(): readonly string[] {
    const { backends, routes } = this.#policy.written
    const matched = routes.flatMap(({ match }) =>
      typeof match === 'object' ? [match.task ?? []].flat() : [],
    )
    const served = Object.values(backends).flatMap(({ tasks = [] }) => tasks)
    return [...new Set([...matched.filter((task) => !task.includes('*')), ...served])]
  }

  /** Whether a request could be sent somewhere, or held. */
  get isUseful(): boolean {
    return (
      this.pool.members.some((backend) => backend.health.obstacle(NO_KEYS) === undefined) ||
      this.table.selectors.some(({ holds }) => holds)
    )
  }

  /** The request on its route. Starts the discovery of endpoints. */
  readonly route = (classification: Classification, head: RequestHead = NO_HEAD): RoutedRequest => {
    if (!this.#isDiscovering) this.#discover()
    return new RoutedRequest(this.table, classification, head)
  }

  /** A lease on a backend by its name. @throws {RangeError} when there is none. @throws {NoBackendError} without an address. */
  lease(name: string): Lease {
    const backend = this.#backendOf(name)
    return {
      backend,
      route: CHOSEN_IN_CODE,
      timeouts: this.#policy.timeouts(name),
      retries: 0,
      left: () => 0,
      place: { arrival: 0, since: this.table.context.clock.now() },
      usableOthers: () => [],
      isRefusedByAll: () => false,
      isCredible: () => true,
      bulk: false,
      holds: false,
      hedge: undefined,
      ...backend.reserve(),
    }
  }

  #backendOf(name: string): Backend {
    const { members } = this.pool.group(name)
    if (!this.#isDiscovering) this.#discover()
    const [only] = members
    const { unresolved } = only.health
    if (unresolved !== undefined) throw new NoBackendError(CHOSEN_IN_CODE, unresolved)
    const free = members.filter((backend) => backend.health.obstacle(NO_KEYS) === undefined)
    const candidates = free.map((backend) => ({ backend, isFull: false }))
    const best = candidates.length > 0 ? this.#turns.rank(candidates, NO_JOB)[0]?.backend : undefined
    if (best !== undefined) this.#turns.picked?.(best)
    return members.find((backend) => backend === best) ?? only
  }

  #discover(): void {
    this.#isDiscovering = true
    for (const group of this.pool.groups) group.discover()
  }

  /** Starts the probes and the discovery, and has canaries sent when failed jobs ask for them. */
  start(probe: BackendProbe, forwardCanary?: ForwardCanary): void {
    this.#probe = probe
    this.#sendCanary = forwardCanary && this.canaries.sender(forwardCanary)
    if (!this.#isDiscovering) this.#discover()
    for (const group of this.pool.groups) group.start(probe, this.#sendCanary)
  }

  /**
   * Checks another policy.
   *
   * @returns a function that puts it in force, and does not throw.
   * @throws {ConfigError} with every mistake in the policy, each with its path.
   * @throws {RouterClosedError} when it is closed.
   */
  prepare(policy: Policy): () => PolicyChanges {
    if (this.table.closed !== undefined) throw this.table.closed
    const routes = this.table.selectors.map(({ route }) => route)
    const next = compilePolicy(policy, routes)
    return () => this.#reload(next)
  }

  #reload(next: CompiledPolicy): PolicyChanges {
    const { written } = this.#policy
    const events: (() => void)[] = []
    this.#pendingEvents = events
    try {
      const { added, removed } = this.table.queue.batch(() => this.#replace(next))
      for (const group of added) {
        if (this.#isDiscovering) group.discover()
        if (this.#probe !== undefined) group.start(this.#probe, this.#sendCanary)
      }
      for (const group of removed) this.#emitChange(group, 'removed')
      for (const group of added) this.#emitChange(group, 'added')
      const replaced = added.flatMap(({ name }) => (removed.some((gone) => gone.name === name) ? [name] : []))
      return diff(written, next.written, replaced)
    } finally {
      this.#pendingEvents = undefined
      for (const event of events) callSafely(event)
    }
  }

  #emitChange({ name: backend, url }: BackendGroup, kind: 'added' | 'removed'): void {
    this.#emit(() => this.#environment.onBackendChange?.({ backend, endpoint: undefined, kind, url }))
  }

  /** From now on, requests without an earlier attempt wait for `close()`. */
  drain(): void {
    this.table.drain()
    this.#stopping.abort()
  }

  /** Ends the probes, the discovery and every wait. */
  close(): void {
    this.#stopping.abort()
    for (const group of this.pool.groups) group.stop()
    this.table.close(new RouterClosedError())
  }
}

const CHOSEN_IN_CODE = 'chosen in code'
const NO_JOB = { kind: '', models: '', queued: 0, urgent: false, sinceLast: 0 }
