import type { Endpoint } from './endpoint.ts'
import type { ResolvedAddress, Resolver, ServiceRecord } from './resolver.ts'

/** The result of one lookup. */
export interface LookupResult {
  readonly endpoints: readonly Endpoint[]
  /** TTL in milliseconds; `Infinity` if unknown. */
  readonly ttl: number
  /** Why a part could not be resolved; `endpoints` has the previous addresses of that part. */
  readonly error?: Error | undefined
}

/** Looks one name up; rejects if there is no result. */
export type Lookup = (signal: AbortSignal) => Promise<LookupResult>

/** Looks up the addresses of a host, all with the same port. */
export function hostLookup(resolver: Resolver, name: string, port: number): Lookup {
  return async (signal) => {
    const addresses = await addressesOf(resolver, name, signal)
    return {
      endpoints: addresses.map(({ address }) => ({ address, port, share: 1, rank: 0 })),
      ttl: shortestTtl(addresses),
    }
  }
}

/** Looks up the targets of a service, each with its own port. Node does not report the TTL of SRV records. */
export function serviceLookup(resolver: Resolver, name: string): Lookup {
  /** The previous addresses of each target: a target that cannot be resolved keeps its endpoints. */
  let known: ReadonlyMap<string, readonly ResolvedAddress[]> = new Map()
  return async (signal) => {
    // A single dot means that the service does not exist.
    const records = (await resolver.services(name, signal)).filter((record) => !/^\.?$/.test(record.name))
    if (records.length === 0) throw new Error(`${name} has no SRV records`)
    const failed = new Map<string, Error>()
    // Sorted, because DNS servers rotate records, and equal failures must give equal errors.
    const names = [...new Set(records.map((record) => record.name))].sort()
    const found = await Promise.all(
      names.map(async (target): Promise<[string, readonly ResolvedAddress[]]> => {
        try {
          return [target, await addressesOf(resolver, target, signal)]
        } catch (error) {
          failed.set(target, asError(error))
          return [target, (known.get(target) ?? []).map(({ address }) => ({ address, ttl: 0 }))]
        }
      }),
    )
    known = new Map(found)
    const error = joinErrors(names.flatMap((target) => failed.get(target) ?? []))
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
      ttl: shortestTtl([...known.values()].flat()),
      error,
    }
  }
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** Joins several errors into one. */
export function joinErrors(errors: readonly Error[]): Error | undefined {
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

function shortestTtl(addresses: readonly ResolvedAddress[]): number {
  return Math.min(...addresses.map(({ ttl = Number.POSITIVE_INFINITY }) => ttl * 1_000))
}

/** The weight relative to the mean of the same priority, so that a service as a whole has the weight of its backend. */
function shareOf(record: ServiceRecord, records: readonly ServiceRecord[]): number {
  const peers = records.filter(({ priority }) => priority === record.priority)
  const mean = peers.reduce((sum, peer) => sum + weightOf(peer), 0) / peers.length
  return weightOf(record) / mean
}

/** RFC 2782: weight 0 means a very small share. */
function weightOf({ weight }: ServiceRecord): number {
  return Math.max(weight, 0.1)
}

function rankOf({ priority }: ServiceRecord, records: readonly ServiceRecord[]): number {
  const priorities = [...new Set(records.map((record) => record.priority))].sort((a, b) => a - b)
  return priorities.indexOf(priority) / priorities.length
}
