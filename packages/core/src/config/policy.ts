import type * as z from 'zod'
import type { Strategy } from '../balance/strategy.ts'
import type { Classification, Classified } from '../classify/classification.ts'
import type { RequestHead } from '../incoming-message.ts'
import type { backend, discoverOptions, wake } from './backend-schema.ts'
import type { auth, basic, connection, tls } from './connection-schema.ts'
import type { immich } from './immich-schema.ts'
import type { hedge, match, route, searchCache, strategyNames } from './route-schema.ts'
import type {
  answers,
  configSchema,
  exchangeSchema,
  forwardSchema,
  limits,
  policySchema,
} from './router-schema.ts'
import type { healthOptions, heartbeatOptions, holdOptions, queue, timeouts } from './shared-schema.ts'

/** Read-only all the way down. Mapped types keep the doc comments that stand on the schema. */
type Written<T> = T extends readonly (infer Item)[]
  ? readonly Written<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Written<T[K]> }
    : T
type Input<S extends z.ZodType> = Written<z.input<S>>

/** How long each part of a request may take: milliseconds, or `250ms`, `30s`, `10m`, `12h`, or `unlimited`. */
export interface TimeoutOptions extends Input<typeof timeouts> {}
/** How the health of a backend is probed. */
export interface HealthOptions extends Input<typeof healthOptions> {}
/** What a client gets while it waits for the first byte. */
export interface HeartbeatOptions extends Input<typeof heartbeatOptions> {}
/** How long requests are held while no backend of their route is available, on all routes. */
export interface PolicyHoldOptions extends Input<typeof holdOptions> {}
/** How long requests are held while no backend of their route is available. */
export interface HoldOptions extends Omit<PolicyHoldOptions, 'maxBytes'> {}
/** How requests are queued while every backend of their route is at its limit. */
export interface QueueOptions extends Input<typeof queue> {}
/** How a machine is switched on over the network. */
export interface WakeOptions extends Input<typeof wake> {}
/** How the addresses of a backend are found. */
export interface DiscoverOptions extends Input<typeof discoverOptions> {}
/** When a late request is sent to another backend as well. */
export interface HedgeOptions extends Input<typeof hedge> {}
/** Access to Immich's job queues. */
export interface ImmichOptions extends Input<typeof immich> {}
/** Where the answers of text searches are saved, and for how long. */
export interface SearchCacheOptions extends Input<typeof searchCache> {}
/** A user name, without a colon, and a password. */
export interface BasicCredentials extends Input<typeof basic> {}
/** Credentials of a backend: one of the two. */
export interface AuthOptions extends Input<typeof auth> {}
/** TLS to one backend. Certificates and keys are PEM texts. */
export interface TlsOptions extends Input<typeof tls> {}
/** Options of the connections to one backend. */
export interface ConnectionOptions extends Input<z.ZodObject<typeof connection>> {}
/** How much of a request is read to classify it. */
export interface ClassifyLimits extends Input<typeof limits> {}
/** Statuses by their class; a status that is not listed keeps its default class. */
export interface AnswerOptions extends Input<typeof answers> {}

/** One ML server. */
export interface BackendOptions extends Input<typeof backend> {}

/** One pattern, or several of which one must match. `*` stands for any characters. */
export type Pattern = string | readonly string[]

/**
 * The requests that a route takes. Every given member must match.
 *
 * `task`, `type` and `model` are compared with the entries of the request: each of its tasks must have a matching entry. So
 * `{ type: 'detection' }` takes Immich's face and OCR jobs, which have a detection and a recognition each; and a request
 * with two tasks goes to a route that takes both.
 *
 * A match of `header` and `path` alone takes unclassified requests as well. Any other takes classified requests only.
 */
export interface Match extends Input<typeof match> {}

/**
 * A match written in code. It is called with classified requests only; the others go to a route without a match, or with a
 * match of `header` and `path` alone.
 *
 * It may be called several times for one request, such as after a reload, and so should give the same result each time. An error
 * that it throws fails the request.
 */
export type MatchFunction = (classification: Classified, request: RequestHead) => boolean

/**
 * Names the tenant of a request in code, also of an unclassified one; `undefined` or `''` for none. Names beyond 256 characters
 * are shortened. An error that it throws fails the request.
 */
export type TenantFunction = (classification: Classification, request: RequestHead) => string | undefined

/** The name of a strategy. */
export type StrategyName = (typeof strategyNames)[number]

type RouteData = Input<typeof route>
type PolicyData = Input<typeof policySchema>
type ConfigData = Omit<Input<typeof configSchema>, '$schema' | 'backends' | 'routes' | 'tenant'>

/**
 * Which requests go to which backends, and how one of these is chosen.
 *
 * @typeParam Name The names of the backends.
 */
export type Route<Name extends string = string> = {
  readonly [K in keyof RouteData]: K extends 'match'
    ? Match | MatchFunction | undefined
    : K extends 'strategy'
      ? StrategyName | (() => Strategy) | undefined
      : K extends 'backends'
        ? readonly NoInfer<Name>[]
        : RouteData[K]
}

/**
 * The backends and, in order, the routes: the first that matches takes the request.
 *
 * @typeParam Name The names of the backends: routes cannot name others.
 */
export type Policy<Name extends string = string> = {
  readonly [K in keyof PolicyData]: K extends 'backends'
    ? Readonly<Record<Name, BackendOptions>>
    : K extends 'routes'
      ? readonly Route<Name>[] | undefined
      : K extends 'tenant'
        ? PolicyData[K] | TenantFunction
        : PolicyData[K]
}

/** The options of `classifyPredict()` that are data. */
export interface ExchangeData extends Input<typeof exchangeSchema> {}
/** The options of `forward()` that are data. */
export interface ForwardData extends Input<typeof forwardSchema> {}
/** Everything that a configuration file can say: a policy, and the options of the router that are data. */
export interface RouterConfig<Name extends string = string> extends Policy<Name>, ConfigData {}
