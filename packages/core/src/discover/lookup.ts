import type { Endpoint } from './endpoint.ts'
import type { ResolvedAddress, Resolver, ServiceRecord } from './resolver.ts'

/** What a name stands for. */
export interface Found {
  readonly endpoints: readonly Endpoint[]
  /** For how long that may be believed, in milliseconds; `Infinity` when it is not known. */
  readonly ttl: number
  /** Why some of it is not known; what that has last stood for is among the endpoints. */
  readonly error?: Error | undefined
}

/** Looks one name up. It rejects when there is nothing. */
export type Find = (signal: AbortSignal) => Promise<Found>

/** The addresses of a host, all on one port. */
export function findHost(resolver: Resolver, name: string, port: number): Find {
  return async (signal) => {
    const addresses = await addressesOf(resolver, name, signal)
    return {
      endpoints: addresses.map(({ address }) => ({ address, port, share: 1, rank: 0 })),
      ttl: shortest(addresses),
    }
  }
}

/** The servers of a service, each with its own port. Node does not tell the TTL of the records themselves. */
export function findService(resolver: Resolver, name: string): Find {
  /** What each server's name has last stood for: one that cannot be resolved must not take its server away. */
  let known: ReadonlyMap<string, readonly ResolvedAddress[]> = new Map()
  return async (signal) => {
    // A lone dot says that there is no such service.
    const records = (await resolver.services(name, signal)).filter((record) => !/^\.?$/.test(record.name))
    if (records.length === 0) throw new Error(`${name} has no servers`)
    const failed = new Map<string, Error>()
    // In an order of their own: DNS servers give records in turn, and the same failures are to be the same error.
    const names = [...new Set(records.map((record) => record.name))].sort()
    const found = await Promise.all(
      names.map(async (server): Promise<[string, readonly ResolvedAddress[]]> => {
        try {
          return [server, await addressesOf(resolver, server, signal)]
        } catch (error) {
          failed.set(server, asError(error))
          return [server, (known.get(server) ?? []).map(({ address }) => ({ address, ttl: 0 }))]
        }
      }),
    )
    known = new Map(found)
    const error = combined(names.flatMap((server) => failed.get(server) ?? []))
    if (failed.size === names.length) throw error
    return {
      endpoints: records.flatMap((record) =>
        (known.get(record.name) ?? []).map(({ address }) => ({
          address,
          port: record.port,
          share: shareOf(record, records),
          rank: rankOf(record, records),
        })),
      ),
      ttl: shortest([...known.values()].flat()),
      error,
    }
  }
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** Several as one. */
export function combined(errors: readonly Error[]): Error | undefined {
  if (errors.length <= 1) return errors[0]
  return new AggregateError(errors, errors.map(({ message }) => message).join('; '))
}

async function addressesOf(
  resolver: Resolver,
  name: string,
  signal: AbortSignal,
): Promise<readonly ResolvedAddress[]> {
  const addresses = await resolver.addresses(name, signal)
  if (addresses.length === 0) throw new Error(`${name} has no addresses`)
  return addresses
}

function shortest(addresses: readonly ResolvedAddress[]): number {
  return Math.min(...addresses.map(({ ttl = Number.POSITIVE_INFINITY }) => ttl * 1_000))
}

/** Its weight against the mean of its priority, so that a service as a whole weighs what its backend does. */
function shareOf(record: ServiceRecord, records: readonly ServiceRecord[]): number {
  const peers = records.filter(({ priority }) => priority === record.priority)
  const mean = peers.reduce((sum, peer) => sum + weightOf(peer), 0) / peers.length
  return weightOf(record) / mean
}

/** RFC 2782: a weight of 0 is a very small chance beside others. */
function weightOf({ weight }: ServiceRecord): number {
  return Math.max(weight, 0.1)
}

function rankOf({ priority }: ServiceRecord, records: readonly ServiceRecord[]): number {
  const priorities = [...new Set(records.map((record) => record.priority))].sort((a, b) => a - b)
  return priorities.indexOf(priority) / priorities.length
}
