import type { Backend } from '../backend/backend.ts'
import type { GroupSettings } from '../backend/backend-group.ts'
import type { Members } from '../backend/pool.ts'
import { strategies } from '../balance/strategies.ts'
import type { Strategy } from '../balance/strategy.ts'
import type { Classification } from '../classify/classification.ts'
import type { WrittenPolicy } from '../config/changes.ts'
import { resolveConnection } from '../config/connection.ts'
import { defaults } from '../config/defaults.ts'
import { resolveDiscover } from '../config/discover-options.ts'
import { type Hedge, resolveHedge } from '../config/hedge-options.ts'
import { parsePolicy } from '../config/parse-policy.ts'
import {
  type Heartbeats,
  type Hold,
  type Queue,
  resolveHealth,
  resolveHeartbeats,
  resolveHold,
  resolveMaxHeldBytes,
  resolveQueue,
  resolveWake,
} from '../config/patience.ts'
import type { BackendOptions, MatchFunction, Policy, Route } from '../config/policy.ts'
import { ConfigError, problem } from '../config/problems.ts'
import { resolveSlots } from '../config/slots.ts'
import { resolveTimeouts, type Timeouts } from '../config/timeouts.ts'
import { shorten } from '../shorten.ts'
import { compileMatch, describeMatch } from './match.ts'

/** A route, complete, and with its servers. */
export interface CompiledRoute {
  readonly name: string
  /** As it was written, for people who want to know why. */
  readonly written: Route
  readonly takes: (classification: Classification) => boolean
  readonly members: Members
  readonly strategy: Strategy
  /** What the strategy was made by. */
  readonly madeBy: NonNullable<Route['strategy']>
  /** Those of one of its backends, made once. */
  readonly timeoutsOf: (backend: Backend) => Timeouts
  readonly retries: number
  /** How long a request is held while no backend is available; `undefined` when it is not. */
  readonly hold: Hold | undefined
  readonly heartbeats: Heartbeats | undefined
  /** When a request is late, and sent to another backend as well; never, when not given. */
  readonly hedge: Hedge | undefined
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
  /** The most bytes that the bodies of held requests take together. */
  readonly maxBytes: number
  /** The highest priority that a request can have. */
  readonly mostUrgent: number
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
  const data = parsePolicy(policyAsData(policy))
  const routes = policy.routes ?? [{ backends: Object.keys(policy.backends) }]
  const timeouts = (name: string, route?: Route) =>
    resolveTimeouts(route?.timeouts, policy.backends[name]?.timeouts, policy.timeouts)
  const settingsOf = (name: string, options: BackendOptions): GroupSettings => {
    const { url, weight = defaults.weight, tier = defaults.tier } = options
    const { tasks, unclassified, health, wake, discover } = options
    const patience = routes
      .filter((route) => route.backends.includes(name))
      .map((route) => timeouts(name, route))
    return {
      url,
      weight,
      tier,
      connectTimeout: Math.max(...[timeouts(name), ...patience].map(({ connect }) => connect)),
      tasks,
      unclassified,
      ...resolveConnection(options),
      ...resolveSlots(options),
      ...resolveHealth(health, policy.health),
      wake: resolveWake(wake),
      discover: resolveDiscover(discover, url),
    }
  }
  const known = new Map(before.map((route) => [route.name, route]))
  const compiled = routes.map((route, index) => {
    const name = shorten(route.name ?? describeMatch(route.match))
    const byBackend = new Map(route.backends.map((backend) => [backend, timeouts(backend, route)]))
    const madeBy = route.strategy ?? defaults.strategy
    const same = known.get(name)
    known.delete(name)
    return {
      name,
      written: route,
      takes: takes(route.match === undefined ? undefined : compileMatch(route.match)),
      backends: [...route.backends],
      strategy: same?.madeBy === madeBy ? same.strategy : makeStrategy(madeBy, `routes[${index}].strategy`),
      madeBy,
      timeoutsOf: (backend: Backend) => byBackend.get(backend.name) ?? timeouts(backend.name, route),
      retries: route.retries ?? policy.retries ?? defaults.retries,
      hold: resolveHold(route.hold, policy.hold),
      heartbeats: resolveHeartbeats(route.heartbeat, policy.heartbeat),
      hedge: resolveHedge(route.hedge),
      spill: route.spill ?? defaults.spill,
      priorityOf: priorityOf(route.priority),
    }
  })
  const priorities = routes.map(({ priority = BULK }) => numberOf(priority))
  return {
    written: {
      ...data,
      routes: routes.map((route, index) => ({
        ...(data.routes?.[index] ?? route),
        ...codeOf(route),
        name: compiled[index]?.name ?? '',
      })),
    },
    backends: new Map(
      Object.entries(policy.backends).map(([name, options]) => [name, settingsOf(name, options)]),
    ),
    routes: (membersOf) =>
      compiled.map(({ backends, ...route }) => ({ ...route, members: membersOf(backends) })),
    timeouts,
    queue: resolveQueue(policy.queue),
    maxBytes: resolveMaxHeldBytes(policy.hold),
    mostUrgent: Math.max(INTERACTIVE, ...priorities),
  }
}

export const INTERACTIVE = 1
export const BULK = 0

export function numberOf(priority: NonNullable<Route['priority']>): number {
  if (typeof priority === 'number') return priority
  return priority === 'interactive' ? INTERACTIVE : BULK
}

function priorityOf(written: Route['priority']): CompiledRoute['priorityOf'] {
  if (written !== undefined) {
    const priority = numberOf(written)
    return () => priority
  }
  // Behind a text search, a person is waiting.
  return ({ entries }) =>
    entries.length > 0 && entries.every(({ task, type }) => task === 'clip' && type === 'textual')
      ? INTERACTIVE
      : BULK
}

/** Without a match a route takes everything; with one it takes no unclassified request. */
function takes(matches: MatchFunction | undefined): CompiledRoute['takes'] {
  if (matches === undefined) return () => true
  return (classification) => classification.classified && matches(classification)
}

function makeStrategy(strategy: NonNullable<Route['strategy']>, path: string): Strategy {
  const made = typeof strategy === 'function' ? strategy() : strategies[strategy]()
  if (typeof made?.pick === 'function') return made
  throw new ConfigError([problem(path, 'must be a name, or a function that makes an object with pick()')])
}

/** A policy that was written in code, as the data that the schema knows. */
export function policyAsData<T extends Policy>(policy: T): T {
  return Array.isArray(policy?.routes) ? { ...policy, routes: policy.routes.map(withoutCode) } : policy
}

/** What is a function, and so not in the data. */
function codeOf({ match, strategy }: Route): Partial<Route> {
  return {
    ...(typeof match === 'function' ? { match } : {}),
    ...(typeof strategy === 'function' ? { strategy } : {}),
  }
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
