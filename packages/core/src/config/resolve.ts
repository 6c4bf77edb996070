import type * as z from 'zod'
import { discoverOptions } from './backend-schema.ts'
import { asData, withCode } from './code-options.ts'
import { crossProblems } from './cross-problems.ts'
import { immich as immichSchema } from './immich-schema.ts'
import { type Parsed, validate } from './parse.ts'
import type { ExchangeData, ForwardData, Policy, PolicyHoldOptions, Route, RouterConfig } from './policy.ts'
import { route as routeSchema } from './route-schema.ts'
import {
  configSchema,
  exchangeSchema,
  forwardSchema,
  limits as limitsSchema,
  moduleSchema,
  policySchema,
} from './router-schema.ts'
import {
  healthOptions,
  heartbeatOptions,
  holdOptions,
  queue as queueSchema,
  retries,
} from './shared-schema.ts'
import { resolveTimeouts, type Timeouts } from './timeouts.ts'
import { withoutUndefined } from './without-undefined.ts'

type RouteValues = z.output<typeof routeSchema>
type BackendValues = z.output<typeof policySchema>['backends'][string]

/** When a waiting client gets heartbeats, in milliseconds. */
export type Heartbeats = Readonly<z.output<typeof heartbeatOptions>>
export interface Hold extends Readonly<Omit<z.output<typeof holdOptions>, 'maxBytes'>> {}
export type Queue = Readonly<z.output<typeof queueSchema>>
export type Hedge = Readonly<NonNullable<RouteValues['hedge']>>
/** The option `searchCache` of a route with its defaults: `maxAge` in milliseconds. */
export type SearchCache = Readonly<NonNullable<RouteValues['searchCache']>>
export type Health = Readonly<z.output<typeof healthOptions>>

/** How the addresses of a backend are found. */
export interface ResolvedDiscover {
  readonly names: readonly string[]
  /** Port of these names. */
  readonly port: number
  /** Names of services with SRV records. */
  readonly services: readonly string[]
  readonly interval: number
}

/** A backend with its defaults. `undefined` means off, or not restricted. */
export interface ResolvedBackend
  extends Readonly<Omit<BackendValues, 'auth' | 'discover' | 'headers' | 'health' | 'timeouts'>> {
  /** Credentials included. Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Without a route. */
  readonly timeouts: Timeouts
  /** The longest of all its routes. */
  readonly connectTimeout: number
  readonly check: Health | undefined
  readonly discover: ResolvedDiscover | undefined
}

/** A route with its defaults. `undefined` means off. */
export interface ResolvedRoute
  extends Readonly<Omit<RouteValues, 'heartbeat' | 'hedge' | 'hold' | 'match' | 'strategy' | 'timeouts'>> {
  /** As it was written, with functions. */
  readonly written: Route
  readonly match: Route['match']
  readonly strategy: NonNullable<Route['strategy']>
  /** By the name of the backend. */
  readonly timeouts: ReadonlyMap<string, Timeouts>
  readonly hold: Hold | undefined
  readonly heartbeats: Heartbeats | undefined
  readonly hedge: Hedge | undefined
  readonly searchCache?: SearchCache | undefined
}

export interface ResolvedPolicy {
  /** As it was written, with functions. */
  readonly written: Policy
  readonly backends: ReadonlyMap<string, ResolvedBackend>
  readonly routes: readonly ResolvedRoute[]
  readonly queue: Queue
  readonly tenant: Policy['tenant']
  readonly canary: boolean
  /** Most bytes that the bodies of held requests take together. */
  readonly maxHeldBytes: number
  /** The heartbeats of a route that does not set its own. */
  readonly heartbeats: Heartbeats | undefined
  readonly timeouts: Timeouts
}

type ExchangeValues = z.output<typeof exchangeSchema>
export interface ResolvedExchange extends Readonly<Omit<ExchangeValues, 'limits'>> {
  readonly limits: z.output<typeof limitsSchema>
}
export type ResolvedForward = Readonly<z.output<typeof forwardSchema>>

/** Every option: times in milliseconds, sizes in bytes, with defaults, and with what routes and backends inherit. */
export interface ResolvedConfig {
  /** Base paths, without a slash at their ends. */
  readonly paths: readonly string[]
  readonly policy: ResolvedPolicy
  readonly exchange: ResolvedExchange
  readonly forward: ResolvedForward
  /** As they were written, for the parts that can be used on their own. */
  readonly written: {
    readonly policy: Policy
    readonly exchange: ExchangeData
    readonly forward: ForwardData
    readonly modules: object
  }
}

/** Access to Immich's job queues, with its defaults. Times are in milliseconds. */
export type ResolvedImmich = Readonly<z.output<typeof immichSchema>>

/** @returns `undefined` without the option `immich`. */
export function resolveImmich({ immich }: Pick<RouterConfig, 'immich'>): ResolvedImmich | undefined {
  return immich === undefined ? undefined : immichSchema.parse(immich)
}

/** @throws {ConfigError} with every mistake, each with its path. */
export function resolveConfig(config: RouterConfig): ResolvedConfig {
  const parsed = validate(configSchema, asData(config), crossProblems)
  const { values, written } = parsed
  const policy = policyOf(parsed, config)
  return {
    paths: [values.path].flat(),
    policy,
    exchange: exchangeOf(pick(values, exchangeSchema.shape)),
    forward: pick(values, forwardSchema.shape),
    written: {
      policy: policy.written,
      exchange: pick<ExchangeData>(written, exchangeSchema.shape),
      forward: pick<ForwardData>(written, forwardSchema.shape),
      modules: pick<object>(written, moduleSchema.shape),
    },
  }
}

/** @throws {ConfigError} with every mistake, each with its path. */
export function resolvePolicy(policy: Policy): ResolvedPolicy {
  return policyOf(validate(policySchema, asData(policy), crossProblems), policy)
}

/** @throws {ConfigError} with every mistake, each with its path. */
export function resolveExchange(options: ExchangeData): ResolvedExchange {
  return exchangeOf(validate(exchangeSchema, asData(options)).values)
}

/** @throws {ConfigError} with every mistake, each with its path. */
export function resolveForward(options: ForwardData): ResolvedForward {
  return validate(forwardSchema, options).values
}

function exchangeOf(values: ExchangeValues): ResolvedExchange {
  return { ...values, limits: values.limits ?? limitsSchema.parse({}) }
}

function policyOf({ written: data, values }: Parsed<typeof policySchema>, options: Policy): ResolvedPolicy {
  const written = withCode(pick<Policy>(data, policySchema.shape), options)
  const routes = written.routes ?? [{ backends: Object.keys(written.backends) }]
  const resolved = routes.map((route, index) => {
    const own = values.routes?.[index] ?? routeSchema.parse(route)
    return routeOf(route, own, written)
  })
  const backends = Object.entries(values.backends).map(
    ([name, own]) => [name, backendOf(name, own, written, resolved)] as const,
  )
  return {
    written,
    backends: new Map(backends),
    routes: resolved,
    queue: values.queue ?? queueSchema.parse({}),
    tenant: written.tenant,
    canary: values.canary,
    maxHeldBytes: holdOptions.parse(typeof written.hold === 'object' ? written.hold : {}).maxBytes,
    heartbeats: inherited(heartbeatOptions, undefined, written.heartbeat),
    timeouts: resolveTimeouts(written.timeouts),
  }
}

function routeOf(written: Route, own: RouteValues, policy: Policy): ResolvedRoute {
  const { heartbeat: _heartbeat, timeouts: _timeouts, ...values } = own
  const timeouts = written.backends.map(
    (name) =>
      [name, resolveTimeouts(written.timeouts, policy.backends[name]?.timeouts, policy.timeouts)] as const,
  )
  return {
    ...values,
    written,
    match: written.match,
    strategy: written.strategy ?? values.strategy,
    timeouts: new Map(timeouts),
    retries: retries.parse(written.retries ?? policy.retries),
    hold: holdOf(written.hold, policy.hold),
    heartbeats: inherited(heartbeatOptions, written.heartbeat, policy.heartbeat),
    hedge: values.hedge,
  }
}

function backendOf(
  name: string,
  own: BackendValues,
  policy: Policy,
  routes: readonly ResolvedRoute[],
): ResolvedBackend {
  const { auth, headers, health: _health, discover, ...values } = own
  const written = policy.backends[name]
  const timeouts = resolveTimeouts(written?.timeouts, policy.timeouts)
  const ofRoutes = routes.flatMap((route) => route.timeouts.get(name) ?? [])
  return {
    ...values,
    headers: { ...headers, ...(auth === undefined ? {} : { authorization: auth }) },
    timeouts,
    connectTimeout: Math.max(...[timeouts, ...ofRoutes].map(({ connect }) => connect)),
    check: inherited(healthOptions, written?.health, policy.health),
    discover: discoverOf(discover, own.url),
  }
}

function discoverOf(options: BackendValues['discover'], url: string): ResolvedDiscover | undefined {
  if (options === undefined) return undefined
  const { names, srv, interval } = options === 'dns' ? discoverOptions.parse({}) : options
  const { protocol, hostname, port } = new URL(url)
  return {
    names: names ?? (srv === undefined ? [hostname] : []),
    services: [srv ?? []].flat(),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    interval,
  }
}

/** The own members, then those of the policy, then the defaults; `undefined` when turned off. */
function inherited<S extends z.ZodType>(
  schema: S,
  own: object | false | undefined,
  general: object | false | undefined,
): z.output<S> | undefined {
  if (own === false || (own === undefined && general === false)) return undefined
  return schema.parse({ ...withoutUndefined(general || {}), ...withoutUndefined(own || {}) })
}

type HoldWritten = PolicyHoldOptions | number | string | false | undefined

function holdOf(own: HoldWritten, general: HoldWritten): Hold | undefined {
  const hold = inherited(holdOptions, holdMembers(own), holdMembers(general))
  return hold && { bulk: hold.bulk, interactive: hold.interactive, maxHeld: hold.maxHeld }
}

/** A duration sets both classes. */
function holdMembers(written: HoldWritten): PolicyHoldOptions | false | undefined {
  const isDuration = typeof written === 'number' || typeof written === 'string'
  return isDuration ? { bulk: written, interactive: written } : written
}

/** The members that a schema knows, where they are given. */
function pick<T extends object>(options: T, shape: object): T {
  const entries = Object.entries(options).filter(([name, value]) => name in shape && value !== undefined)
  return Object.fromEntries(entries) as T
}
