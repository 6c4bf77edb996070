import { FakeClock } from '@immich-ml-router/core/testing'
import { expect, onTestFinished } from 'vitest'
import type { BackendOptions, Policy, Route } from '../../packages/core/src/config/policy.ts'
import type { BackendEvent } from '../../packages/core/src/router/policy-runtime.ts'
import { selectBackend } from '../../packages/core/src/router/select-backend.ts'
import type { Lease } from '../../packages/core/src/routing/lease.ts'
import { classified } from './classifications.ts'
import { FakeResolver, type Host, settled } from './fake-resolver.ts'
import { answered, failed } from './outcomes.ts'

export const search = classified('text', 'clip/textual')

export const unreachable = failed('connect')

interface Setting {
  /** What the name of the backend `ml` stands for; nothing, when not given. */
  readonly ml?: Host
  readonly resolver?: FakeResolver
  readonly backend?: Partial<BackendOptions>
  readonly route?: Partial<Route>
  /** Further backends, behind `ml`. */
  readonly others?: Policy['backends']
}

/** A policy of one backend, `ml`, whose name is resolved, and perhaps others. */
export async function pool({ ml: host, backend = {}, route = {}, others = {}, ...setting }: Setting) {
  const clock = new FakeClock()
  const resolver = setting.resolver ?? new FakeResolver(host && { ml: host })
  const events: BackendEvent[] = []
  const wanted: string[] = []
  const ml = { url: 'http://ml:3003', discover: 'dns', maxConcurrent: 'unlimited', ...backend } as const
  const backends: Policy['backends'] = { ml, ...others }
  const select = selectBackend(
    {
      backends,
      routes: [{ backends: Object.keys(backends), strategy: 'first', ...route }],
      health: false,
      hold: false,
    },
    {
      clock,
      resolver,
      onBackendChange: (event) => events.push(event),
      onUnavailable: ({ name }) => wanted.push(name),
    },
  )
  onTestFinished(() => {
    select.close()
    expect(clock.pending).toBe(0)
  })
  select.start(async () => undefined)
  await settled()
  const advance = async (milliseconds: number) => {
    for (let left = milliseconds; left >= 0; left -= 1_000) {
      clock.advance(Math.min(left, 1_000))
      await settled()
    }
  }
  /** The name stands for something else from now on, which is seen ten seconds later. */
  const become = async (host: Host | undefined) => {
    resolver.hosts = host === undefined ? {} : { ml: host }
    await advance(10_000)
  }
  /** Where requests go that are sent one after the other. */
  const places = async (count: number, options = {}) => {
    const went: string[] = []
    for (let i = 0; i < count; i++) {
      const lease = await select(search, options)
      went.push(placeOf(lease))
      lease.release(answered)
    }
    return went
  }
  /** Sends so many at once. */
  const leases = (count: number) => Promise.all(Array.from({ length: count }, () => select(search)))
  const endpoints = () => select.backends().map(({ endpoint }) => endpoint)
  return { clock, resolver, select, events, wanted, advance, become, leases, places, endpoints }
}

export const at = (...hosts: number[]) => hosts.map((host) => `10.0.0.${host}`)

export const endpointsAt = (...hosts: number[]) => hosts.map((host) => `10.0.0.${host}:3003`)

export const placeOf = ({ backend: { name, endpoint = name } }: Lease) => endpoint

export function countsOf(places: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(places, (it) => it)].map(([it, { length }]) => [it, length]))
}
