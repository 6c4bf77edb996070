import dns from 'node:dns/promises'

/** One address of a name. */
export interface ResolvedAddress {
  /** An IPv4 or IPv6 address. */
  readonly address: string
  /** TTL in seconds; `undefined` if unknown. */
  readonly ttl?: number | undefined
}

/** An SRV record (RFC 2782). */
export interface ServiceRecord {
  /** Host name of the target. */
  readonly name: string
  readonly port: number
  /** Targets of a higher number are used only if every target of a lower number is unavailable. */
  readonly priority: number
  /** Weight among the targets of the same priority. */
  readonly weight: number
}

/** Resolves names. Both methods reject if there is no answer; aborting the signal cancels the query. */
export interface Resolver {
  /** The addresses of a host. */
  addresses(name: string, signal: AbortSignal): Promise<readonly ResolvedAddress[]>
  /** The SRV records of a service. */
  services(name: string, signal: AbortSignal): Promise<readonly ServiceRecord[]>
}

/** Options of `dnsResolver`. */
export interface DnsResolverOptions {
  /**
   * Addresses of the DNS servers, each with a port if it is not 53: `127.0.0.1:5353`.
   * @default the system's servers
   */
  readonly servers?: readonly string[] | undefined
  /**
   * Whether to ask the operating system if the DNS servers have no answer. It knows `/etc/hosts`, search domains and perhaps
   * multicast DNS, but no TTL.
   * @default true, unless `servers` is set
   */
  readonly lookup?: boolean | undefined
}

/**
 * The default resolver. For a name with IPv4 and IPv6 addresses it returns only IPv4: both usually lead to the same hosts.
 *
 * @example
 * ```ts
 * import { createRouter, dnsResolver } from '@immich-ml-router/core'
 *
 * const router = createRouter({
 *   backends: { ml: { url: 'http://ml:3003', discover: 'dns' } },
 *   resolver: dnsResolver({ servers: ['10.0.0.53'] }),
 * })
 * ```
 *
 * @throws {TypeError} if one of the `servers` is not an address.
 */
export function dnsResolver({ servers, lookup = servers === undefined }: DnsResolverOptions = {}): Resolver {
  // One resolver per query: it can be cancelled, and knows the system's current servers.
  const create = () => {
    const resolver = new dns.Resolver({ timeout: TIMEOUT / 3, tries: 2 })
    if (servers !== undefined) resolver.setServers(servers)
    return resolver
  }
  create()
  const ask = async <T>(signal: AbortSignal, query: (resolver: dns.Resolver) => Promise<T>) => {
    const resolver = create()
    const cancel = () => resolver.cancel()
    const end = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)])
    end.addEventListener('abort', cancel)
    try {
      return await query(resolver)
    } finally {
      end.removeEventListener('abort', cancel)
    }
  }
  return {
    async addresses(name, signal) {
      try {
        return await ask(signal, (resolver) => eitherFamily(resolver, name))
      } catch (error) {
        if (!lookup || signal.aborted) throw error
        return lookUp(name)
      }
    },
    services: (name, signal) => ask(signal, (resolver) => resolver.resolveSrv(name)),
  }
}

/** Milliseconds for all DNS servers together, short enough to ask the operating system afterwards. */
const TIMEOUT = 3_000

async function eitherFamily(resolver: dns.Resolver, name: string): Promise<ResolvedAddress[]> {
  try {
    return await resolver.resolve4(name, { ttl: true })
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENODATA')
      return resolver.resolve6(name, { ttl: true })
    throw error
  }
}

async function lookUp(name: string): Promise<ResolvedAddress[]> {
  const all = await dns.lookup(name, { all: true })
  const ipv4 = all.filter(({ family }) => family === 4)
  return (ipv4.length > 0 ? ipv4 : all).map(({ address }) => ({ address }))
}
