import type { Backend, BackendInfo } from '../backend/backend.ts'
import { BackendGroup, type BackendProbe, type GroupChange } from '../backend/backend-group.ts'
import { Unresolved } from '../backend/unresolved.ts'
import type { Classification } from '../classify/classification.ts'
import { type Clock, systemClock } from '../clock.ts'
import { dnsResolver, type Resolver } from '../discover/resolver.ts'
import { NoBackendError, RouterClosedError } from '../errors.ts'
import { WaitingLine } from '../hold/waiting-line.ts'
import { first } from '../strategy/first.ts'
import { compilePolicy } from './compile-policy.ts'
import { explainMiss } from './explain-match.ts'
import type { Explanation, PassedRoute } from './explanation.ts'
import { Jobs } from './jobs.ts'
import type { HoldEvent, Lease } from './lease.ts'
import type { Heartbeats } from './patience.ts'
import type { Policy } from './policy.ts'
import { type ExplainOptions, RouteSelection, type SelectOptions, type Waiting } from './route-selection.ts'

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

/** What is known of a route. */
export interface RouteInfo {
  readonly name: string
  /** Requests that wait, by why they began to: for a slot of backends that were full, or for backends that were away. */
  readonly waiting: Readonly<Record<HoldEvent['reason'], number>>
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
  /** The endpoints that get nothing more, since their address is gone, and where requests are still running. */
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
  readonly tasks: readonly string[]
  /** Whether a request could be sent somewhere, or wait. */
  useful(): boolean
  /** Sends a backend nothing more. Resolves when what is running there is over. */
  drain(backend: string): Promise<void>
  /** Sends a backend requests again. */
  enable(backend: string): void
  /** Starts the probes and the discovery of endpoints, which begins with the first request otherwise; once. */
  start(probe: BackendProbe): void
  /** Ends the probes and the discovery, and answers those who wait with {@link RouterClosedError}; nobody waits from then on. */
  close(): void
}

/**
 * Compiles a policy into a function that chooses a backend for a request.
 *
 * @throws {PolicyError} with every mistake in the policy, each with its path.
 */
export function selectBackend(policy: Policy, environment: SelectEnvironment = {}): Select {
  const { clock = systemClock, resolver, onBackendChange, onHold, onUnavailable } = environment
  const line = new WaitingLine<Lease>(clock)
  const { pool, routes, timeouts, queue, mostUrgent } = compilePolicy(policy, (name, settings) => {
    const group: BackendGroup = new BackendGroup(name, settings, {
      clock,
      resolver: () => resolver ?? dnsResolver(),
      onChange: (change, endpoint) => {
        if (change.kind === 'wanted') onUnavailable?.(group)
        onBackendChange?.({ backend: name, endpoint, ...change })
      },
      onRelief: () => line.poke(),
    })
    return group
  })
  const waiting: Waiting = {
    pool,
    jobs: new Jobs(),
    line,
    queue,
    mostUrgent,
    clock,
    onHold,
    arrivals: 0,
    lastArrival: 0,
    queued: 0,
    closed: undefined,
  }
  const selections = routes.map((route) => new RouteSelection(route, waiting))

  const selectionFor = (classification: Classification): RouteSelection => {
    const found = selections.find(({ route }) => route.takes(classification))
    if (found === undefined) throw new TypeError('the last route of a policy takes everything')
    return found
  }
  let discovering = false
  const discover = () => {
    if (discovering) return
    discovering = true
    for (const group of pool.groups) group.discover()
  }
  const { pick } = first()
  const byName = (name: string): Backend => {
    const { members } = pool.group(name)
    discover()
    const [only] = members
    if (only instanceof Unresolved) throw new NoBackendError(CHOSEN_IN_CODE, only.reason)
    const [free, ...others] = members.filter((backend) => backend.obstacle([]) === undefined)
    return free === undefined ? only : pick([free, ...others], NO_JOB)
  }
  const select = (classification: Classification, options: SelectOptions = {}): Promise<Lease> => {
    discover()
    return selectionFor(classification).select(classification, options)
  }
  return Object.assign(select, {
    clock,
    backends: () => pool.members,
    leaving: () => pool.groups.flatMap(({ leaving }) => leaving),
    lease: (name: string): Lease => {
      const backend = byName(name)
      return {
        backend,
        route: CHOSEN_IN_CODE,
        timeouts: timeouts(name),
        retries: 0,
        left: () => 0,
        place: { arrival: 0, since: clock.now() },
        provenOther: () => false,
        holds: false,
        hedges: 0,
        lateAfter: () => undefined,
        spare: () => undefined,
        ...backend.reserve(),
      }
    },
    explain: (classification: Classification, options: ExplainOptions = {}): Explanation => {
      const passedRoutes: PassedRoute[] = []
      for (const [index, selection] of selections.entries()) {
        const { name, written } = selection.route
        const miss = explainMiss(written.match, classification)
        if (miss === undefined) {
          const explained = selection.explain(classification, options)
          return { ...explained, index, routes: selections.length, passedRoutes }
        }
        passedRoutes.push({ name, index, ...miss })
      }
      throw new TypeError('the last route of a policy takes everything')
    },
    heartbeats: (classification: Classification) =>
      // Of what is not known to be a job, it is not known that its answer is JSON.
      classification.classified ? selectionFor(classification).route.heartbeats : undefined,
    held: () =>
      Object.fromEntries(
        selections.filter(({ held }) => held > 0).map(({ route, held }) => [route.name, held]),
      ),
    routeOf: (classification: Classification) => selectionFor(classification).route.name,
    routes: () => selections.map(({ route, heldFor }) => ({ name: route.name, waiting: heldFor })),
    tasks: tasksOf(policy),
    drain: (name: string) => pool.group(name).drain(),
    enable: (name: string) => pool.group(name).enable(),
    start: (probe: BackendProbe) => {
      discover()
      for (const group of pool.groups) group.start(probe)
    },
    close: () => {
      for (const group of pool.groups) group.stop()
      waiting.closed = new RouterClosedError()
      line.close(waiting.closed)
    },
    useful: () =>
      pool.members.some((backend) => backend.obstacle([]) === undefined) ||
      selections.some((selection) => selection.holds),
  })
}

function tasksOf({ backends, routes = [] }: Policy): readonly string[] {
  const matched = routes.flatMap(({ match }) => (typeof match === 'object' ? [match.task ?? []].flat() : []))
  const served = Object.values(backends).flatMap(({ tasks = [] }) => tasks)
  return [...new Set([...matched.filter((task) => !task.includes('*')), ...served])]
}

const CHOSEN_IN_CODE = 'chosen in code'
const NO_JOB = { kind: '', models: '', queued: 0, urgent: false, sinceLast: 0 }
