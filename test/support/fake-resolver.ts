import type { Resolver, ServiceRecord } from '@immich-ml-router/core'

/** What a name stands for: addresses, perhaps with a TTL in seconds, or why it cannot be resolved. */
export type Host = readonly string[] | { readonly addresses: readonly string[]; readonly ttl: number } | Error

/** A resolver that answers from tables, which may change at any time. */
export class FakeResolver implements Resolver {
  /** A name that is not in it does not exist. */
  hosts: Readonly<Record<string, Host>>
  records: Readonly<Record<string, readonly ServiceRecord[]>> = {}
  /** While it is set, it answers nothing. */
  silent = false
  /** What it was asked, oldest first. */
  readonly asked: string[] = []

  constructor(hosts: Readonly<Record<string, Host>> = {}) {
    this.hosts = hosts
  }

  async addresses(name: string, signal: AbortSignal) {
    this.asked.push(name)
    await this.#speak(signal)
    const host = this.hosts[name] ?? new Error(`no such host ${name}`)
    if (host instanceof Error) throw host
    const { addresses, ttl } = 'addresses' in host ? host : { addresses: host, ttl: undefined }
    return addresses.map((address) => ({ address, ttl }))
  }

  async services(name: string, signal: AbortSignal) {
    this.asked.push(name)
    await this.#speak(signal)
    const records = this.records[name]
    if (records === undefined) throw new Error(`no such service ${name}`)
    return records
  }

  async #speak(signal: AbortSignal): Promise<void> {
    if (this.silent)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
}

/** Lets everything happen that waits for nothing but its turn. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
