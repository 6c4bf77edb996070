import type { StrategyName } from '@immich-ml-router/core'
import { defaults } from '@immich-ml-router/core/parts'
import type { ServerSpec } from './pools.ts'

/** A server that runs. */
export type Running = ServerSpec & { readonly url: string }

/** How requests are distributed over the servers. */
export interface Contender {
  /** By which `--strategy` chooses it. */
  readonly name: string
  readonly label: string
  /** Configuration of our router; other contenders have none. */
  readonly options?: (servers: readonly Running[]) => object
}

/** Only the URLs are configured: what the targets are for. */
export const URLS_ALONE = 'urls'
export const NGINX = 'nginx'
/** Immich's own list: everything goes to the first server, which is the best. */
export const STRAIGHT = 'immich'
/** The load generator itself chooses, with everything known. */
export const ALL_KNOWN = 'all-known'

/** How the limit of a backend is set. */
const LIMITS = {
  auto: () => 'auto',
  'no limit': () => 'unlimited',
  // One more than its workers, so that no worker idles between two requests.
  'by hand': ({ workers }: ServerSpec) => workers + 1,
}

const STRATEGIES: readonly StrategyName[] = [
  ...(['first', 'round-robin', 'weighted-round-robin', 'least-conn'] as const),
  ...(['peak-ewma', 'model-affinity'] as const),
]

export const CONTENDERS: readonly Contender[] = [
  {
    name: URLS_ALONE,
    label: 'URLs alone',
    options: (servers) => ({ backends: Object.fromEntries(servers.map(({ name, url }) => [name, { url }])) }),
  },
  { name: NGINX, label: 'nginx least_conn' },
  { name: STRAIGHT, label: "Immich's list" },
  // The default strategy is `URLs alone`.
  ...STRATEGIES.filter((name) => name !== defaults.strategy).map((strategy) => routed(strategy, 'auto')),
  ...STRATEGIES.map((strategy) => routed(strategy, 'no limit')),
  routed('peak-ewma', 'by hand'),
  { name: ALL_KNOWN, label: 'straight, all known' },
]

function routed(strategy: StrategyName, limit: keyof typeof LIMITS): Contender {
  const backend = (server: Running) => ({
    url: server.url,
    maxConcurrent: LIMITS[limit](server),
    ...(strategy === 'weighted-round-robin' ? { weight: (server.workers * 1000) / server.time } : {}),
  })
  // Without spill, every request would queue for the first.
  const spill = strategy === 'first' ? { spill: true } : {}
  return {
    name: `${strategy}/${limit.replace(' ', '-')}`,
    label: `${strategy}, ${limit}`,
    options: (servers) => ({
      backends: Object.fromEntries(servers.map((server) => [server.name, backend(server)])),
      routes: [{ backends: servers.map(({ name }) => name), strategy, ...spill }],
    }),
  }
}
