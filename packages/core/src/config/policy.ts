import type { StrategyName } from '../balance/strategies.ts'
import type { Strategy } from '../balance/strategy.ts'
import type { Classified, PredictInput } from '../classify/classification.ts'
import type { ConnectionOptions } from './connection.ts'
import type { DiscoverOptions } from './discover-options.ts'
import type { HedgeOptions } from './hedge-options.ts'
import type {
  HealthOptions,
  HeartbeatOptions,
  HoldOptions,
  PolicyHoldOptions,
  QueueOptions,
  WakeOptions,
} from './patience.ts'
import type { TimeoutOptions } from './timeouts.ts'

/** One ML server. */
export interface BackendOptions extends ConnectionOptions {
  /**
   * Base URL, such as `http://192.168.1.20:3003`; `/predict` is appended to its path. A user name and password in it
   * are sent as basic authentication, to this backend alone; nothing else in it is kept secret.
   */
  readonly url: string
  /**
   * Its share in the weighted strategies, above 0.
   * @default 1
   */
  readonly weight?: number | undefined
  /**
   * Its tier: backends of a higher one are used only when none of a lower one is there. One that is full is there.
   * @default 1
   */
  readonly tier?: number | undefined
  /** Where this backend's timeouts differ. */
  readonly timeouts?: TimeoutOptions | undefined
  /**
   * The tasks that it serves, such as `[clip]`. A request with another task never goes there, nor one whose tasks are unknown.
   * @default all
   */
  readonly tasks?: readonly string[] | undefined
  /**
   * Whether a backend with `tasks` takes unclassified requests. The ML server may read another task in them.
   * @default false
   */
  readonly unclassified?: boolean | undefined
  /**
   * Requests that it gets at once; further ones wait in the router, the urgent first. `auto` learns from how long jobs take
   * how many it can work on; `unlimited` is any number.
   * @default 'auto'
   */
  readonly maxConcurrent?: number | 'auto' | 'unlimited' | undefined
  /**
   * How many of these are kept for urgent requests, those of a priority above 0: a number below `maxConcurrent`, or a share
   * such as `25%`, rounded up. Where the limit is learnt, one is always left for the others.
   * @default 0
   */
  readonly reserve?: number | string | undefined
  /** Where its probes differ; `false` for none. */
  readonly health?: HealthOptions | false | undefined
  /**
   * How its machine is switched on when a request wants it while it is down.
   * @default not at all
   */
  readonly wake?: WakeOptions | undefined
  /**
   * Whether its name has many addresses, which change: with `dns` the host name in `url` is resolved again and again, and
   * each address is a server with a state of its own. Further names, and services, by an object.
   * @default connections go where the system's resolver leads, and all count as one server
   */
  readonly discover?: 'dns' | DiscoverOptions | undefined
}

/** One pattern or several of which one must fit. `*` stands for any characters. */
export type Pattern = string | readonly string[]

/**
 * What a route takes. Every member that is given must fit.
 *
 * `task`, `type` and `model` are held against the entries of the request: it fits when every one of its tasks has an
 * entry that fits. So `{ type: 'detection' }` takes Immich's face and OCR jobs, which have a detection and a
 * recognition each; and a request with two tasks goes to a route that takes both.
 */
export interface Match {
  readonly task?: Pattern | undefined
  readonly type?: Pattern | undefined
  readonly model?: Pattern | undefined
  /** The payload part. */
  readonly input?: PredictInput | readonly PredictInput[] | undefined
}

/** A match written in code. It sees classified requests only; the others go to the default route. */
export type MatchFunction = (classification: Classified) => boolean

/** Which requests go to which backends, and how one of these is chosen. */
export interface Route {
  /**
   * The name in logs and errors.
   * @default the match in words, such as `clip/textual`; `default` for the last route
   */
  readonly name?: string | undefined
  /** What the route takes; only the last route, which takes the rest, has none. */
  readonly match?: Match | MatchFunction | undefined
  /** Names of backends, in the order that matters to the strategy `first`. */
  readonly backends: readonly string[]
  /**
   * How a backend is chosen: a name, or in code a function that makes a strategy.
   * @default 'peak-ewma'
   */
  readonly strategy?: StrategyName | (() => Strategy) | undefined
  /** Where this route's timeouts differ. */
  readonly timeouts?: TimeoutOptions | undefined
  /**
   * Further backends that are tried when one fails.
   * @default that of the policy
   */
  readonly retries?: number | undefined
  /**
   * How long requests are held while none of its backends is available: a duration for both classes, or an object. What it
   * leaves out is taken from the policy. `false` answers at once.
   * @default that of the policy
   */
  readonly hold?: HoldOptions | number | string | false | undefined
  /**
   * Whether a request goes to the next best backend when the best has as many as it may have: with the strategy `first`
   * the next of the list, and with tiers the next tier. Without it, the request waits.
   * @default false
   */
  readonly spill?: boolean | undefined
  /**
   * How urgent its requests are when they have to wait: `bulk` is 0, `interactive` is 1, and a higher number is more.
   * @default `interactive` for text search (`clip/textual`), `bulk` for the rest
   */
  readonly priority?: 'interactive' | 'bulk' | number | undefined
  /** Where this route's heartbeats differ; `false` for none. */
  readonly heartbeat?: HeartbeatOptions | false | undefined
  /**
   * When a request that is late is sent to another backend as well; the first good answer counts. At most 5 % of the
   * requests are. For routes behind which a person waits.
   * @default never
   */
  readonly hedge?: HedgeOptions | undefined
}

/** The backends and, in order, the routes: the first that matches takes the request. */
export interface Policy {
  readonly backends: Readonly<Record<string, BackendOptions>>
  /** @default one route to every backend, in the order in which they are written */
  readonly routes?: readonly Route[] | undefined
  readonly timeouts?: TimeoutOptions | undefined
  /**
   * Further backends that are tried when one fails, each with the whole request again; 0 for none.
   * @default 3
   */
  readonly retries?: number | undefined
  /** How long requests are queued for a slot, and how many. */
  readonly queue?: QueueOptions | undefined
  /**
   * How long requests are held while no backend of their route is available: a duration for both classes, or an object.
   * `false` answers at once.
   * @default { bulk: '12h', interactive: '15s', maxHeld: 1000, maxBytes: '2gb' }
   */
  readonly hold?: PolicyHoldOptions | number | string | false | undefined
  /** How backends are probed; `false` for not at all. */
  readonly health?: HealthOptions | false | undefined
  /** What keeps a waiting client from giving up; `false` for nothing. */
  readonly heartbeat?: HeartbeatOptions | false | undefined
}
