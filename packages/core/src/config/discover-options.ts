import type { DiscoverySettings } from '../discover/discovery.ts'
import { defaults } from './defaults.ts'
import { parseDuration } from './duration.ts'

/** How the addresses of a backend are found. With neither `names` nor `srv` by the host name in its `url`. */
export interface DiscoverOptions {
  /** Names of hosts, each with one address or more; they have the port of the backend's `url`. */
  readonly names?: readonly string[] | undefined
  /**
   * Names of services such as `_http._tcp.ml.default.svc.cluster.local`: their SRV records say which hosts, on which ports,
   * in which tiers (`priority`), and in which proportion (`weight`).
   */
  readonly srv?: string | readonly string[] | undefined
  /**
   * The longest time between two resolutions. Where the records say that they are to be believed for a shorter time, it
   * is that, from 1 s on.
   * @default '10s'
   */
  readonly interval?: number | string | undefined
}

/** @param url That of the backend, which has a host name. */
export function resolveDiscover(
  options: 'dns' | DiscoverOptions | undefined,
  url: string,
): DiscoverySettings | undefined {
  if (options === undefined) return undefined
  const { names, srv, interval } = options === 'dns' ? {} : options
  const { protocol, hostname, port } = new URL(url)
  return {
    names: names ?? (srv === undefined ? [hostname] : []),
    services: typeof srv === 'string' ? [srv] : (srv ?? []),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    interval: parseDuration(interval ?? defaults.discoverInterval) ?? defaults.discoverInterval,
  }
}
