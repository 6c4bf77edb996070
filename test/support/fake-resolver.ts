import type { Resolver } from '@immich-ml-router/core'
import type { ServiceRecord } from '@immich-ml-router/core/parts'

/** The result for a name: addresses, optionally with a TTL in seconds, or an error. */
export type Host = readonly string[] | { readonly addresses: readonly string[]; readonly ttl: number } | Error

/** A resolver that answers from tables. A test can change them at any time. */
export class FakeResolver implements Resolver {
  /** Addresses by name. Other names do not exist. */
  hosts: Readonly<Record<string, Host>>
  records: Readonly<Record<string, readonly ServiceRecord[]>> = {}
  /** While true, queries stay unanswered until they are aborted. */
  silent = false
  /** The queries so far, oldest first. */
  readonly asked: string[] = []

  constructor(hosts: Readonly<Record<string, Host>> = {}) {
    this.hosts = hosts
  }

  async addresses(name: string, signal: AbortSignal) {
    this.asked.push(name)
    await this.#answer(signal)
    const host = this.hosts[name] ?? new Error(`no such host ${name}`)
    if (host instanceof Error) throw host
    const { addresses, ttl } = 'addresses' in host ? host : { addresses: host, ttl: undefined }
    return addresses.map((address) => ({ address, ttl }))
  }

  async services(name: string, signal: AbortSignal) {
    this.asked.push(name)
    await this.#answer(signal)
    const records = this.records[name]
    if (records === undefined) throw new Error(`no such service ${name}`)
    return records
  }

  async #answer(signal: AbortSignal): Promise<void> {
    if (this.silent)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
}

/** Waits until all pending promise callbacks have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
