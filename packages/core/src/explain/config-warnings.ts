import { asData } from '../config/code-options.ts'
import type { RouterConfig } from '../config/policy.ts'
import type { ConfigProblem } from '../config/problems.ts'
import { resolveConfig } from '../config/resolve.ts'
import { configSchema } from '../config/router-schema.ts'
import { backendWarnings, orderWarnings, sameUrlWarnings, unusedWarnings } from './backend-warnings.ts'
import { canaryWarnings } from './canary-warnings.ts'
import { durationWarnings } from './duration-warnings.ts'
import { jobWarnings } from './job-warnings.ts'
import { pathWarnings } from './path-warnings.ts'
import { shadowWarnings } from './shadow-warnings.ts'
import { unclassifiedWarnings, unservedWarnings } from './unserved-warnings.ts'

/**
 * Finds what is valid in a configuration, but probably a mistake:
 *
 * - two backends with one URL, and backends that no route names;
 * - tasks, types and models that Immich never sends, with the name that was probably meant;
 * - durations as small numbers without a unit, such as `hold: 12`;
 * - routes that get no requests, because earlier ones take all of them or the router does not answer their path, and jobs
 *   that no backend of their route serves;
 * - `agreement` and `keepWarm` without canaries, which they need;
 * - a `tier` that overrides the order of the strategy `first`;
 * - credentials or photos that others can read: `tls.insecure`, credentials over `http`.
 *
 * Functions in the configuration are not called, and nothing is contacted. No warning contains a secret.
 *
 * @param config A configuration from `parseConfig`, or the options of a router.
 * @returns The warnings, each with its path; empty if there are none.
 * @throws {ConfigError} if the configuration is not valid.
 *
 * @example
 * ```ts
 * import { configWarnings } from '@immich-ml-router/core'
 *
 * const options = { backends: { gpu: { url: 'http://gpu:3003' } }, hold: 12 }
 * for (const { path, message } of configWarnings(options)) console.warn(path, message)
 * ```
 */
export function configWarnings(config: RouterConfig): readonly ConfigProblem[] {
  const { policy, paths } = resolveConfig(config)
  const { written } = policy
  const routes = written.routes ?? [{ backends: Object.keys(written.backends) }]
  return [
    ...backendWarnings(written),
    ...sameUrlWarnings(written),
    ...canaryWarnings(config),
    ...unusedWarnings(written, routes),
    ...orderWarnings(written, routes),
    ...jobWarnings(written, routes),
    ...shadowWarnings(routes),
    ...unservedWarnings(written, routes),
    ...pathWarnings(paths, routes),
    ...(config.onUnclassified === 'reject' ? [] : unclassifiedWarnings(written, routes)),
    ...durationWarnings(configSchema, asData(config)),
  ]
}
