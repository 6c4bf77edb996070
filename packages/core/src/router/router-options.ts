import { defaults } from '../config/defaults.ts'
import { parseConfig } from '../config/parse-policy.ts'
import type { Policy } from '../config/policy.ts'
import type { ForwardData, ForwardOptions } from '../forward/forwarder.ts'
import { policyAsData } from '../routing/compile-policy.ts'
import type { SelectEnvironment } from '../routing/select-backend.ts'
import { type ExchangeData, type ExchangeOptions, withoutInfinity } from './exchange-options.ts'

/** Everything that a router can be told. All but `proxy`, `clock`, `resolver`, `tracing` and functions can be data, in a file. */
export interface RouterOptions
  extends Policy,
    PathOptions,
    ExchangeOptions,
    ForwardOptions,
    Pick<SelectEnvironment, 'onUnavailable' | 'resolver'> {}

/** What may be another while a router runs: all of its options that can be data, and functions in their place. */
export interface ReloadOptions extends Policy, PathOptions, ExchangeData, ForwardData {}

export interface PathOptions {
  /**
   * Base path of the router: with `/ml`, it answers `/ml/predict` and `/ml/ping`, and everything else goes to `next()`.
   * It comes behind the path that a framework mounts the middleware on.
   * @default '/'
   */
  readonly path?: string | undefined
}

/** With every key, so that the compiler reports an option that is not passed on. */
type Complete<T> = { [K in keyof Required<T>]: T[K] }

/**
 * Checks the options that are data, and sorts them by whom they are for.
 *
 * @throws {ConfigError} with every mistake in them, each with its path.
 */
export function parseOptions(options: ReloadOptions) {
  const data = withoutInfinity(options ?? {})
  const parsed = parseConfig(policyAsData(data))
  const { path = defaults.path, forwarder, backendHeader, upstreamHeader, forwardHeaders } = parsed
  const { answers, answerMemory } = parsed
  const { maxBodySize, onUnclassified, limits, bodyMemory, totalBodyMemory, bodySpool, explainHeader } =
    parsed
  const { backends, routes, timeouts, retries, queue, hold, health, heartbeat } = data
  const exchange = {
    maxBodySize,
    onUnclassified,
    limits,
    bodyMemory,
    totalBodyMemory,
    bodySpool,
    explainHeader,
  }
  const forward = { forwarder, backendHeader, upstreamHeader, forwardHeaders, answers, answerMemory }
  return {
    path: path.replace(/\/+$/, ''),
    // Functions in it are not in what was parsed.
    policy: {
      backends,
      routes,
      timeouts,
      retries,
      queue,
      hold,
      health,
      heartbeat,
    } satisfies Complete<Policy>,
    exchange,
    forward,
    written: { path, ...exchange, ...forward },
  }
}
