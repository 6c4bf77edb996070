import type { Backend } from '../backend/backend.ts'
import type { GroupSettings } from '../backend/backend-group.ts'
import type { Members } from '../backend/pool.ts'
import { strategies } from '../balance/strategies.ts'
import type { Strategy } from '../balance/strategy.ts'
import type { Classification } from '../classify/classification.ts'
import type { WrittenPolicy } from '../config/changes.ts'
import type { Policy, Route } from '../config/policy.ts'
import { ConfigError, problem } from '../config/problems.ts'
import type { Heartbeats, Hedge, Hold, Queue, SearchCache } from '../config/resolve.ts'
import { resolvePolicy } from '../config/resolve.ts'
import { BULK, INTERACTIVE } from '../config/route-schema.ts'
import type { Timeouts } from '../config/timeouts.ts'
import { shorten } from '../shorten.ts'
import { compileMatch, describeMatch, type Takes } from './match.ts'
import { compileTenant, type TenantOf } from './tenant.ts'

/** A route, complete, and with its servers. */
export interface CompiledRoute {
  readonly name: string
  /** The route as configured, for explanations. */
  readonly written: Route
  readonly takes: Takes
  readonly members: Members
  readonly strategy: Strategy
  /** What the strategy was made by. */
  readonly madeBy: NonNullable<Route['strategy']>
  /** Whether the order of the backends alone decides, as with `first`: those after the chosen one are not woken. */
  readonly isOrdered: boolean
  /** Those of one of its backends, made once. */
  readonly timeoutsOf: (backend: Backend) => Timeouts
  readonly retries: number
  /** How long a request is held while no backend is available; `undefined` when it is not. */
  readonly hold: Hold | undefined
  readonly heartbeats: Heartbeats | undefined
  /** When a request is late, and sent to another backend as well; never, when not given. */
  readonly hedge: Hedge | undefined
  /** Where the answers of text searches are saved; nowhere, when not given. */
  readonly searchCache?: SearchCache | undefined
  /** Whether a request goes to the next best backend when the best is full, rather than to wait. */
  readonly spill: boolean
  /** How urgent a request is. */
  readonly priorityOf: (classification: Classification) => number
}

/** A policy that is in order, and has nothing running yet. */
export interface CompiledPolicy {
  readonly written: WrittenPolicy
  readonly backends: ReadonlyMap<string, GroupSettings>
  /** @param membersOf The servers of some backends, by their names. */
  readonly routes: (membersOf: (backends: readonly string[]) => Members) => readonly CompiledRoute[]
  readonly queue: Queue
  /** Whether canaries are sent. */
  readonly canary: boolean
  /** The most bytes that the bodies of held requests take together. */
  readonly maxBytes: number
  /** The highest priority that a request can have. */
  readonly mostUrgent: number
  /** The tenant of a request; `undefined` when there are none. */
  readonly tenantOf: TenantOf | undefined
  /** Those of a backend by no route. */
  readonly timeouts: (backend: string) => Timeouts
}

/**
 * Checks a policy and completes it. It changes nothing.
 *
 * @param before The routes that there have been: where one has the same name and strategy, it keeps whose turn it is.
 * @throws {ConfigError} with every mistake in the policy, each with its path.
 */
export function compilePolicy(policy: Policy, before: readonly CompiledRoute[] = []): CompiledPolicy {
  const { written, backends, routes, queue, canary, maxHeldBytes, timeouts, tenant } = resolvePolicy(policy)
  const known = new Map(before.map((route) => [route.name, route]))
  const names = routeNames(routes)
  const compiled = routes.map(
    ({ match, strategy: madeBy, priority, timeouts: byBackend, ...route }, index) => {
      const name = names[index] ?? ''
      const same = known.get(name)
      known.delete(name)
      return {
        ...route,
        name,
        takes: compileMatch(match),
        strategy: same?.madeBy === madeBy ? same.strategy : makeStrategy(madeBy, `routes[${index}].strategy`),
        madeBy,
        isOrdered: madeBy === 'first',
        timeoutsOf: (backend: Backend) => byBackend.get(backend.name) ?? timeouts,
        priorityOf: priorityOf(priority),
      }
    },
  )
  return {
    written: {
      ...written,
      routes: compiled.map(({ written: route, name }) => ({ ...route, name })),
    },
    backends,
    routes: (membersOf) =>
      compiled.map(({ backends: names, ...route }) => ({ ...route, members: membersOf(names) })),
    timeouts: (backend) => backends.get(backend)?.timeouts ?? timeouts,
    queue,
    tenantOf: compileTenant(tenant),
    canary,
    maxBytes: maxHeldBytes,
    mostUrgent: Math.max(INTERACTIVE, ...routes.map(({ priority = BULK }) => priority)),
  }
}

/** The name of each route. A derived name that is taken gets a number, as where hidden values are all that differs. */
export function routeNames(routes: readonly Pick<Route, 'name' | 'match'>[]): readonly string[] {
  const taken = new Set(routes.flatMap(({ name }) => (name === undefined ? [] : shorten(name))))
  return routes.map(({ name, match }) => {
    if (name !== undefined) return shorten(name)
    const derived = shorten(describeMatch(match))
    let unique = derived
    for (let number = 2; taken.has(unique); number++) unique = `${derived} #${number}`
    taken.add(unique)
    return unique
  })
}

/** How urgent the requests of a route are. @param priority The option of the route. */
export function priorityOf(priority: number | undefined): CompiledRoute['priorityOf'] {
  if (priority !== undefined) return () => priority
  // Text search is interactive.
  return ({ entries }) =>
    entries.length > 0 && entries.every(({ task, type }) => task === 'clip' && type === 'textual')
      ? INTERACTIVE
      : BULK
}

function makeStrategy(strategy: NonNullable<Route['strategy']>, path: string): Strategy {
  const made = typeof strategy === 'function' ? strategy() : strategies[strategy]()
  if (typeof made?.rank === 'function') return made
  throw new ConfigError([problem(path, 'must be a name, or a function that makes an object with rank()')])
}
