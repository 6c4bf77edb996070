import type { RouterConfig } from '../config/policy.ts'
import type { ForwardOptions } from '../forward/forwarder.ts'
import type { ExchangeOptions } from './exchange-options.ts'
import type { SelectEnvironment } from './policy-runtime.ts'

/**
 * Every option of a router. All but `proxy`, `clock`, `resolver`, `tracing`, `onUnavailable` and functions can be data, in a
 * file.
 *
 * @typeParam Name The names of the backends: routes cannot name others.
 */
export interface RouterOptions<Name extends string = string>
  extends RouterConfig<Name>,
    Pick<ExchangeOptions, 'tracing'>,
    Pick<ForwardOptions, 'clock' | 'proxy'>,
    Pick<SelectEnvironment, 'onUnavailable' | 'resolver'> {}

/** What `reload()` can change: every option that can be data, and functions in their place. */
export interface ReloadOptions<Name extends string = string> extends RouterConfig<Name> {}

/** The paths that a router answers. */
export type PathOptions = Pick<RouterConfig, 'path'>
