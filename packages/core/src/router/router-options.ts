import type { ForwardData, ForwardOptions } from '../forward/forwarder.ts'
import { policyAsData } from '../policy/compile-policy.ts'
import { parseConfig } from '../policy/parse-policy.ts'
import type { Policy } from '../policy/policy.ts'
import type { SelectEnvironment } from '../policy/select-backend.ts'
import { type ExchangeData, type ExchangeOptions, withoutInfinity } from './exchange-options.ts'

/** Everything that a router can be told. All but `proxy`, `clock`, `resolver`, `tracing` and functions can be data, in a file. */
export interface RouterOptions
  extends Policy,
    ExchangeOptions,
    ForwardOptions,
    Pick<SelectEnvironment, 'onUnavailable' | 'resolver'> {}

/** What may be another while a router runs: all of its options that can be data, and functions in their place. */
export interface ReloadOptions extends Policy, ExchangeData, ForwardData {}

/**
 * Checks the options that are data, and sorts them by whom they are for.
 *
 * @throws {PolicyError} with every mistake in them, each with its path.
 */
export function parseOptions(options: ReloadOptions) {
  const data = withoutInfinity(options ?? {})
  const parsed = parseConfig(policyAsData(data))
  const { forwarder, backendHeader, upstreamHeader, forwardHeaders } = parsed
  const { maxBodySize, onUnclassified, bodyMemory, totalBodyMemory, bodySpool, explainHeader } = parsed
  const { backends, routes, timeouts, retries, queue, health, heartbeat } = data
  const exchange = { maxBodySize, onUnclassified, bodyMemory, totalBodyMemory, bodySpool, explainHeader }
  const forward = { forwarder, backendHeader, upstreamHeader, forwardHeaders }
  return {
    // Functions in it are not in what was parsed.
    policy: { backends, routes, timeouts, retries, queue, health, heartbeat },
    exchange,
    forward,
    written: { ...exchange, ...forward },
  }
}
