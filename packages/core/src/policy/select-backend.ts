import { Backend } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { Classification } from '../classify/classification.ts'
import { defaults } from '../defaults.ts'
import { NoBackendError } from '../errors.ts'
import { strategies } from '../strategy/strategies.ts'
import type { Strategy } from '../strategy/strategy.ts'
import { compileMatch, describeMatch } from './match.ts'
import { parsePolicy } from './parse-policy.ts'
import type { MatchFunction, Policy, Route } from './policy.ts'
import { PolicyError, problem } from './problems.ts'

export interface SelectOptions {
  /** Aborting it gives up the selection. */
  readonly signal?: AbortSignal | undefined
  /** Names of backends that must not be chosen, such as those already tried. */
  readonly exclude?: Iterable<string> | undefined
}

/** The right to send one request to one backend. It must be released. */
export interface Lease {
  readonly backend: Backend
  /** The name of the route that matched. */
  readonly route: string
  /** Gives the slot back, once however often it is called. */
  release(outcome?: Outcome): void
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
export function selectBackend(policy: Policy): Select {
  const { backends, routes } = compilePolicy(policy)
  const select = async (
    classification: Classification,
    { signal, exclude }: SelectOptions = {},
  ): Promise<Lease> => {
    signal?.throwIfAborted()
    const route = routes.find((candidate) => candidate.takes(classification)) ?? routes.at(-1)
    if (route === undefined) throw new TypeError('a policy has at least one route')
    const excluded = new Set(exclude)
    const candidates = route.backends.filter((backend) => !excluded.has(backend.name))
    if (!isNonEmpty(candidates)) throw new NoBackendError(route.name, [...excluded])
    return takeLease(route.strategy.pick(candidates), route.name)
  }
  const lease = (name: string): Lease => {
    const backend = backends.find((candidate) => candidate.name === name)
    if (backend === undefined) {
      throw new RangeError(`"${name}" is not among the backends: ${backends.map((b) => b.name).join(', ')}.`)
    }
    return takeLease(backend, 'chosen in code')
  }
  return Object.assign(select, { lease, backends })
}

function takeLease(backend: Backend, route: string): Lease {
  return { backend, route, release: backend.reserve() }
}

interface CompiledRoute {
  readonly name: string
  readonly takes: (classification: Classification) => boolean
  readonly backends: readonly Backend[]
  readonly strategy: Strategy
}

function compilePolicy(policy: Policy): { backends: readonly Backend[]; routes: readonly CompiledRoute[] } {
  parsePolicy(policyAsData(policy))
  const routes = policy.routes ?? [{ backends: Object.keys(policy.backends) }]
  const backends = new Map(
    Object.entries(policy.backends).map(([name, { url, weight = defaults.weight }]) => [
      name,
      new Backend(name, { url, weight }),
    ]),
  )
  const compiled = routes.map((route, index) => ({
    name: route.name ?? describeMatch(route.match),
    takes: takes(route.match === undefined ? undefined : compileMatch(route.match)),
    backends: route.backends.flatMap((name) => backends.get(name) ?? []),
    strategy: makeStrategy(route.strategy ?? defaults.strategy, `routes[${index}].strategy`),
  }))
  return { backends: [...backends.values()], routes: compiled }
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
