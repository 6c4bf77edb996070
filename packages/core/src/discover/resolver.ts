import dns from 'node:dns/promises'

/** One address of a name. */
export interface ResolvedAddress {
  /** An IPv4 or IPv6 address. */
  readonly address: string
  /** For how long it may be believed, in seconds; `undefined` when that is not known. */
  readonly ttl?: number | undefined
}

/** One server of a service (RFC 2782). */
export interface ServiceRecord {
  /** The name of the server. */
  readonly name: string
  readonly port: number
  /** Those of a higher number are used only when none of a lower one is there. */
  readonly priority: number
  /** Its share among those of its priority. */
  readonly weight: number
}

/** Where names are looked up. Both reject when there is no answer; aborting the signal calls the question off. */
export interface Resolver {
  /** The addresses of a host. */
  addresses(name: string, signal: AbortSignal): Promise<readonly ResolvedAddress[]>
  /** The servers of a service: its SRV records. */
  services(name: string, signal: AbortSignal): Promise<readonly ServiceRecord[]>
}

/** Options of `dnsResolver`. */
export interface DnsResolverOptions {
  /**
   * Addresses of the DNS servers, each with a port if it is not 53: `127.0.0.1:5353`.
   * @default those of the system
   */
  readonly servers?: readonly string[] | undefined
  /**
   * Whether the operating system is asked for what the DNS servers cannot tell: it knows `/etc/hosts`, the search domains
   * and perhaps multicast DNS, and says nothing of a TTL.
   * @default true, unless `servers` are given
   */
  readonly lookup?: boolean | undefined
}

/**
 * The resolver that is used unless another is given. Of a name with IPv4 and IPv6 addresses it takes the IPv4 ones: as a
 * rule the others are the same servers' once more.
 *
 * @throws {TypeError} when one of the `servers` is no address.
 */
export function dnsResolver({ servers, lookup = servers === undefined }: DnsResolverOptions = {}): Resolver {
  // One for each question: it can be called off, and knows the system's servers as they are then.
  const make = () => {
    const resolver = new dns.Resolver({ timeout: PATIENCE / 3, tries: 2 })
    if (servers !== undefined) resolver.setServers(servers)
    return resolver
  }
  make()
  const ask = async <T>(signal: AbortSignal, question: (resolver: dns.Resolver) => Promise<T>) => {
    const resolver = make()
    const cancel = () => resolver.cancel()
    const end = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)])
    end.addEventListener('abort', cancel)
    try {
      return await question(resolver)
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

/** In milliseconds, for all DNS servers together: it leaves time for the operating system to be asked. */
const PATIENCE = 3_000

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
