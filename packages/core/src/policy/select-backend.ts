import { Backend, type Slot } from '../backend/backend.ts'
import type { HealthChange } from '../backend/health.ts'
import type { Classification } from '../classify/classification.ts'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { NoBackendError } from '../errors.ts'
import { leastBy } from '../strategy/least-by.ts'
import { strategies } from '../strategy/strategies.ts'
import type { Strategy } from '../strategy/strategy.ts'
import { compileMatch, describeMatch } from './match.ts'
import { parsePolicy } from './parse-policy.ts'
import type { MatchFunction, Policy, Route } from './policy.ts'
import { PolicyError, problem } from './problems.ts'
import { resolveTimeouts, type Timeouts } from './timeouts.ts'

export interface SelectOptions {
  /** Aborting it gives up the selection. */
  readonly signal?: AbortSignal | undefined
  /** Names of backends that must not be chosen, such as those already tried. */
  readonly exclude?: Iterable<string> | undefined
}

/** The right to send one request to one backend. It must be released, with its outcome where there is one. */
export interface Lease extends Slot {
  readonly backend: Backend
  /** The name of the route that matched. */
  readonly route: string
  /** Those that apply to this backend by this route. */
  readonly timeouts: Timeouts
  /** Further backends that may be tried when this one fails, by the route's `retries`. */
  readonly retries: number
  /** Backends of the route that are neither this one nor excluded. */
  readonly others: number
}

/** A backend, or a task on it, was ejected, is tried again, or is back. */
export interface BackendEvent extends HealthChange {
  /** Name of the backend. */
  readonly backend: string
}

export interface SelectEnvironment {
  /**
   * Where time comes from, for tests.
   * @default the system's
   */
  readonly clock?: Clock | undefined
  /** Told of every change of a backend's health. */
  readonly onBackendChange?: ((event: BackendEvent) => void) | undefined
}

/** A compiled policy. */
export interface Select {
  /**
   * @throws {NoBackendError} when every backend of the route is excluded.
   * @throws the signal's reason when it is aborted.
   */
  (classification: Classification, options?: SelectOptions): Promise<Lease>
  /** The lease on one backend by its name, whatever the routes say: for code that knows better than the policy. */
  lease(backend: string): Lease
  readonly backends: readonly Backend[]
}

/**
 * Compiles a policy into a function that chooses a backend for a request.
 *
 * @throws {PolicyError} with every mistake in the policy, each with its path.
 */
export function selectBackend(policy: Policy, environment: SelectEnvironment = {}): Select {
  const { backends, routes, timeouts } = compilePolicy(policy, environment)
  const takeLease = (
    backend: Backend,
    route: Pick<CompiledRoute, 'name' | 'timeoutsOf' | 'retries'>,
    others: number,
    tasks: readonly string[],
  ): Lease => ({
    backend,
    route: route.name,
    timeouts: route.timeoutsOf(backend),
    retries: route.retries,
    others,
    ...backend.reserve(tasks),
  })
  const select = async (
    classification: Classification,
    { signal, exclude }: SelectOptions = {},
  ): Promise<Lease> => {
    signal?.throwIfAborted()
    const route = routes.find((candidate) => candidate.takes(classification))
    if (route === undefined) throw new TypeError('the last route of a policy takes everything')
    const excluded = new Set(exclude)
    const candidates = route.backends.filter((backend) => !excluded.has(backend.name))
    if (!isNonEmpty(candidates)) throw new NoBackendError(route.name, [...excluded])
    const { tasks } = classification
    const available = candidates.filter((backend) => backend.available(tasks))
    // With all of them ejected, one is tried rather than none: the one whose time is over first.
    const backend = isNonEmpty(available)
      ? route.strategy.pick(available)
      : leastBy(candidates, (candidate) => candidate.availableAt(tasks))
    return takeLease(backend, route, candidates.length - 1, tasks)
  }
  const lease = (name: string): Lease => {
    const backend = backends.find((candidate) => candidate.name === name)
    if (backend === undefined) {
      throw new RangeError(`"${name}" is not among the backends: ${backends.map((b) => b.name).join(', ')}.`)
    }
    const route = { name: 'chosen in code', timeoutsOf: () => timeouts(name), retries: 0 }
    return takeLease(backend, route, 0, [])
  }
  return Object.assign(select, { lease, backends })
}

interface CompiledRoute {
  readonly name: string
  readonly takes: (classification: Classification) => boolean
  readonly backends: readonly Backend[]
  readonly strategy: Strategy
  /** Those of one of its backends, made once. */
  readonly timeoutsOf: (backend: Backend) => Timeouts
  readonly retries: number
}

interface CompiledPolicy {
  readonly backends: readonly Backend[]
  readonly routes: readonly CompiledRoute[]
  /** Those of a backend by a route, or by none. */
  readonly timeouts: (backend: string, route?: Route) => Timeouts
}

function compilePolicy(
  policy: Policy,
  { clock = systemClock, onBackendChange }: SelectEnvironment,
): CompiledPolicy {
  parsePolicy(policyAsData(policy))
  const routes = policy.routes ?? [{ backends: Object.keys(policy.backends) }]
  const timeouts = (name: string, route?: Route) =>
    resolveTimeouts(route?.timeouts, policy.backends[name]?.timeouts, policy.timeouts)
  const backends = new Map(
    Object.entries(policy.backends).map(([name, { url, weight = defaults.weight }]) => {
      const patience = routes
        .filter((route) => route.backends.includes(name))
        .map((route) => timeouts(name, route))
      const connectTimeout = Math.max(...[timeouts(name), ...patience].map(({ connect }) => connect))
      const onChange = (change: HealthChange) => onBackendChange?.({ backend: name, ...change })
      return [name, new Backend(name, { clock, url, weight, connectTimeout, onChange })]
    }),
  )
  const compiled = routes.map((route, index) => {
    const byBackend = new Map(route.backends.map((name) => [name, timeouts(name, route)]))
    return {
      name: route.name ?? describeMatch(route.match),
      takes: takes(route.match === undefined ? undefined : compileMatch(route.match)),
      backends: route.backends.flatMap((name) => backends.get(name) ?? []),
      strategy: makeStrategy(route.strategy ?? defaults.strategy, `routes[${index}].strategy`),
      timeoutsOf: ({ name }: Backend) => byBackend.get(name) ?? timeouts(name, route),
      retries: route.retries ?? policy.retries ?? defaults.retries,
    }
  })
  return { backends: [...backends.values()], routes: compiled, timeouts }
}

/** Without a match a route takes everything; with one it takes no unclassified request. */
function takes(matches: MatchFunction | undefined): CompiledRoute['takes'] {
  if (matches === undefined) return () => true
  return (classification) => classification.classified && matches(classification)
}

function makeStrategy(strategy: NonNullable<Route['strategy']>, path: string): Strategy {
  const made = typeof strategy === 'function' ? strategy() : strategies[strategy]()
  if (typeof made?.pick === 'function') return made
  throw new PolicyError([problem(path, 'must be a name, or a function that makes an object with pick()')])
}

/** A policy that was written in code, as the data that the schema knows. */
export function policyAsData<T extends Policy>(policy: T): T {
  return Array.isArray(policy?.routes) ? { ...policy, routes: policy.routes.map(withoutCode) } : policy
}

/** What is a function needs no validation, but its place in the policy does. */
function withoutCode(route: Route): Route {
  if (typeof route !== 'object' || route === null) return route
  const { match, strategy, ...rest } = route
  return {
    ...rest,
    ...(match === undefined ? {} : { match: typeof match === 'function' ? {} : match }),
    ...(strategy === undefined || typeof strategy === 'function' ? {} : { strategy }),
  }
}

function isNonEmpty<T>(items: T[]): items is [T, ...T[]] {
  return items.length > 0
}
