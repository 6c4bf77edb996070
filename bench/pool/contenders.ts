import { defaults, type StrategyName } from '@immich-ml-router/core'
import { type NginxConfig, upstreamConfig } from '../lib/server.ts'
import type { ServerSpec } from './pools.ts'

/** A server that runs. */
export type Running = ServerSpec & { readonly url: string }

/** How requests are shared out among the servers. */
export type Contender = {
  /** By which `--strategy` chooses it. */
  readonly name: string
  readonly label: string
} & (
  | {
      readonly kind: 'router'
      /** As a configuration file would say it. */
      readonly options: (servers: readonly Running[]) => object
    }
  | { readonly kind: 'nginx'; readonly config: (servers: readonly Running[]) => NginxConfig }
  | { readonly kind: 'first-healthy' }
  | { readonly kind: 'all-known' }
)

/** What a user has who has only written down the URLs: what the targets are for. */
export const URLS_ALONE = 'urls'
/** Immich's own list: its idle searches are those that go straight to the best server. */
export const STRAIGHT = 'immich'

/** How the limit of a backend comes about. */
type Limit = 'auto' | 'no limit' | 'by hand'

const LIMITS: Readonly<Record<Limit, (server: ServerSpec) => object>> = {
  auto: () => ({ maxConcurrent: 'auto' }),
  'no limit': () => ({ maxConcurrent: 'unlimited' }),
  // One more than it computes at once, so that it need not wait for the next.
  'by hand': ({ workers }) => ({ maxConcurrent: workers + 1 }),
}

const STRATEGIES: readonly StrategyName[] = [
  'first',
  'round-robin',
  'weighted-round-robin',
  'least-conn',
  'peak-ewma',
  'model-affinity',
]

export const CONTENDERS: readonly Contender[] = [
  {
    name: URLS_ALONE,
    label: 'URLs alone',
    kind: 'router',
    options: (servers) => ({
      backends: Object.fromEntries(servers.map(({ name, url }) => [name, { url }])),
    }),
  },
  {
    name: 'nginx',
    label: 'nginx least_conn',
    kind: 'nginx',
    config: (servers) =>
      upstreamConfig(
        servers.map(({ url }) => url),
        'least_conn;',
        'proxy_read_timeout 600s;',
      ),
  },
  { name: STRAIGHT, label: "Immich's list", kind: 'first-healthy' },
  // With the default strategy, that is what URLs alone are.
  ...STRATEGIES.filter((name) => name !== defaults.strategy).map((strategy) => routed(strategy, 'auto')),
  ...STRATEGIES.map((strategy) => routed(strategy, 'no limit')),
  routed('peak-ewma', 'by hand'),
  { name: 'all-known', label: 'straight, all known', kind: 'all-known' },
]

function routed(strategy: StrategyName, limit: Limit): Contender {
  const weighted = strategy === 'weighted-round-robin'
  return {
    name: `${strategy}/${limit.replace(' ', '-')}`,
    label: `${strategy}, ${limit}`,
    kind: 'router',
    options: (servers) => ({
      backends: Object.fromEntries(
        servers.map((server) => [
          server.name,
          {
            url: server.url,
            ...LIMITS[limit](server),
            ...(weighted ? { weight: (server.workers * 1000) / server.time } : {}),
          },
        ]),
      ),
      routes: [
        {
          backends: servers.map(({ name }) => name),
          strategy,
          // Without it, everything would wait for the first.
          ...(strategy === 'first' ? { spill: true } : {}),
        },
      ],
    }),
  }
}
