import { isDeepStrictEqual } from 'node:util'
import type { CanaryResult } from '../canary/canary.ts'
import type { CanaryJob } from '../canary/canary-job.ts'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { withoutCredentials } from '../credentials.ts'
import { type Discovered, Discovery, type DiscoverySettings } from '../discover/discovery.ts'
import { type Endpoint, formatEndpoint } from '../discover/endpoint.ts'
import type { Resolver } from '../discover/resolver.ts'
import { Backend } from './backend.ts'
import type { BackendTraits } from './backend-settings.ts'
import type { BackendInfo } from './backend-view.ts'
import { type GroupChange, isLoss, isReturn } from './group-change.ts'
import type { CheckOptions, Probe, ProbeProgress } from './health/checker.ts'
import type { MissingAddress } from './health/health-view.ts'
import { Waker, type WakeSettings } from './waker.ts'

/** Sends one probe to a backend. @returns Why it is not healthy; `undefined` when it is. */
export type BackendProbe = (
  backend: Backend,
  options: CheckOptions,
  signal: AbortSignal,
  progress: ProbeProgress,
) => ReturnType<Probe>

/** Sends one canary to a backend. It never rejects. */
export type BackendCanary = (backend: Backend, job: CanaryJob, signal: AbortSignal) => Promise<CanaryResult>

/** Options of `drain`. */
export interface DrainOptions {
  /**
   * Whether it is drained for a restart, and will be enabled after it. Requests that have no other backend are then held for
   * `queue.maxWait` (10 min) or `hold`, whichever is longer.
   * @default false
   */
  readonly restarts?: boolean | undefined
}

/** What is the same for every endpoint of a backend. */
export interface GroupSettings extends BackendTraits {
  readonly wake?: WakeSettings
  /** How its endpoints are found; it has none, when not given. */
  readonly discover?: DiscoverySettings | undefined
}

export interface GroupEnvironment {
  readonly clock?: Clock | undefined
  /** Makes what names are looked up in. */
  readonly resolver: () => Resolver
  readonly onChange?: ((change: GroupChange, endpoint: string | undefined) => void) | undefined
  /** `members` has changed. */
  readonly onMembers?: (() => void) | undefined
  /** A request may find a slot that found none before. */
  readonly onRelief?: (() => void) | undefined
}

/**
 * A backend by its name: one ML server, or the endpoints that its name has at the time. Until there is one, its only member
 * has no address: requests wait for it, and none is sent.
 */
export class BackendGroup implements BackendInfo {
  readonly name: string
  readonly url: string
  readonly endpoint = undefined
  #settings: GroupSettings
  readonly #environment: GroupEnvironment
  readonly #clock: Clock
  readonly #waker: Waker
  #discovery: Discovery | undefined
  #discovering = false
  /** Their addresses are gone, or the whole is, and requests are still running there. */
  readonly #leaving = new Set<Backend>()
  #members: readonly [Backend, ...Backend[]]
  #enabled = true
  #probe: BackendProbe | undefined
  #sendCanary: BackendCanary | undefined
  #failure: string | undefined
  /** Jobs that are queued outside of the router. */
  #expected = 0
  /** Why its name has no address; `undefined` once it has had one. */
  #missingAddress: MissingAddress | undefined
  readonly #idle = new Map<Backend, () => void>()
  #endpoints: readonly Endpoint[] = []

  constructor(name: string, settings: GroupSettings, environment: GroupEnvironment) {
    this.name = name
    this.#settings = settings
    if (settings.discover !== undefined)
      this.#missingAddress = { kind: 'resolving', words: `${name} has no address yet` }
    this.#environment = environment
    this.#clock = environment.clock ?? systemClock
    this.#waker = new Waker(this.#clock, {
      wake: settings.wake,
      isDown: () => this.#enabled && this.#members.every(({ health }) => health.isDown),
      queued: () => Math.max(this.#expected, ...this.#members.map(({ demand }) => demand.waiting)),
      onWanted: (error) => this.#tell({ kind: 'wanted', error }),
    })
    this.url = withoutCredentials(settings.url)
    this.#members = [this.#make()]
    this.#discovery = this.#makeDiscovery()
  }

  #makeDiscovery(): Discovery | undefined {
    const { discover } = this.#settings
    if (discover === undefined) return undefined
    const resolver = this.#environment.resolver()
    return new Discovery(this.#clock, discover, resolver, (found) => this.#onDiscovered(found))
  }

  /** Whether these settings mean the same server, or a name that is resolved in the same way. */
  isMeantBy({ url, discover }: GroupSettings): boolean {
    const own = this.#settings.discover
    const sameNames =
      own === undefined || discover === undefined
        ? own === discover
        : isDeepStrictEqual({ ...own, interval: 0 }, { ...discover, interval: 0 })
    return sameNames && withoutCredentials(url) === this.url
  }

  /** Applies new settings, which mean the same backend. The state of its endpoints and their requests stay. */
  configure(settings: GroupSettings): void {
    this.#settings = settings
    this.#waker.configure(settings.wake)
    for (const member of this.#leaving) member.configure(this.#traits)
    this.#configureMembers()
    if (settings.discover !== undefined) this.#discovery?.configure(settings.discover)
    if (this.#probe !== undefined) this.start(this.#probe, this.#sendCanary)
  }

  /**
   * It gets nothing more. What is running there goes on, and when that is over, its connections are closed.
   *
   * @returns when nothing is running there.
   */
  async leave(): Promise<void> {
    this.#discovery?.stop()
    for (const member of this.#members) this.#leave(member)
    await Promise.all([...this.#leaving].map((member) => this.#whenIdle(member)))
  }

  /** It is used again. */
  comeBack(): void {
    for (const member of this.#members) this.#join(member)
    this.#discovery = this.#makeDiscovery()
    if (this.#discovering) this.discover()
  }

  /** The servers that requests may go to; never none. Another array each time that they have changed. */
  get members(): readonly [Backend, ...Backend[]] {
    return this.#members
  }

  /** Those whose address is gone, and where requests are still running. */
  get leaving(): readonly Backend[] {
    return [...this.#leaving]
  }

  /** Begins to look for its endpoints, if it has some. */
  discover(): void {
    this.#discovering = true
    this.#discovery?.start()
  }

  /** Starts the probes, now and of endpoints that come later, and has canaries sent when failed jobs ask for them. */
  start(probe: BackendProbe, sendCanary?: BackendCanary): void {
    this.#probe ??= probe
    this.#sendCanary ??= sendCanary
    for (const member of this.#members) this.#startChecks(member)
  }

  /** Stops the probes and the discovery. */
  stop(): void {
    this.#discovery?.stop()
    for (const member of this.#members) stop(member)
  }

  /** Sends it nothing more, wherever it is found. Resolves when what is running there is over. */
  async drain({ restarts = false }: DrainOptions = {}): Promise<void> {
    this.#enabled = false
    const all = [...this.#members, ...this.#leaving]
    for (const { health } of all) health.enable(false, restarts)
    await Promise.all(all.map((member) => this.#whenIdle(member)))
  }

  /** Sends it requests again. */
  enable(): void {
    this.#enabled = true
    for (const { health } of [...this.#members, ...this.#leaving]) health.enable(true)
  }

  /** Has its machine switched on, whether or not anybody wants it. Rejects when no packet could be sent. */
  wake(): Promise<void> {
    return this.#waker.wake()
  }

  /** Probes it now. @returns Why none of its endpoints is healthy. */
  async probe(): Promise<string | undefined> {
    const reasons = await Promise.all(this.#members.map(({ health }) => health.checker.probeNow()))
    return reasons.includes(undefined) ? undefined : reasons[0]
  }

  /** Jobs for it are queued outside of the router. @param wantsIt Whether they wait for it, so that it is woken. */
  expect(queued: number, wantsIt: boolean): void {
    this.#expected = queued
    if (wantsIt) for (const { demand } of this.#members) demand.want(false)
  }

  #onDiscovered({ endpoints, error }: Discovered): void {
    const failed = this.#failure
    this.#failure = error?.message
    if (this.#missingAddress !== undefined && error !== undefined)
      this.#missingAddress = { kind: 'unresolved', words: `${this.name} has no address (${error.message})` }
    const { added, removed } = this.#place(endpoints)
    const changed = added.length + removed.length > 0
    if (changed || (failed !== undefined && error === undefined)) {
      const texts = (members: readonly Backend[]) => members.flatMap(({ endpoint }) => endpoint ?? [])
      const all = texts(this.#members)
      this.#tell({ kind: 'resolved', endpoints: all, added: texts(added), removed: texts(removed) })
    }
    if (error !== undefined && error.message !== failed) this.#tell({ kind: 'unresolved', error })
    if (changed || error !== undefined) this.#environment.onRelief?.()
  }

  /** Keeps the endpoints that remain, with their state. */
  #place(endpoints: readonly Endpoint[]): { added: readonly Backend[]; removed: readonly Backend[] } {
    // What has never had an address has none now; what has had some keeps them.
    if (endpoints.length === 0) return { added: [], removed: [] }
    this.#endpoints = endpoints
    this.#missingAddress = undefined
    const before = this.#members
    const known = new Map([...before, ...this.#leaving].map((member) => [member.endpoint, member]))
    const found = endpoints.map((endpoint) => known.get(formatEndpoint(endpoint)) ?? this.#make(endpoint))
    const staying = before.filter((member) => found.includes(member))
    const added = found.filter((member) => !staying.includes(member))
    const removed = before.filter((member) => !staying.includes(member))
    const [first, ...others] = [...staying, ...added]
    if (first !== undefined && added.length + removed.length > 0) {
      this.#members = [first, ...others]
      for (const member of added) this.#join(member)
      for (const member of removed) this.#leave(member)
    }
    this.#configureMembers()
    if (added.length + removed.length > 0) this.#environment.onMembers?.()
    return { added, removed }
  }

  /** Each member has the weight and tier that its DNS record gives it. */
  #configureMembers(): void {
    const traits = this.#traits
    const { weight, tier = defaults.tier } = traits
    const records = new Map(this.#endpoints.map((endpoint) => [formatEndpoint(endpoint), endpoint]))
    for (const member of this.#members) {
      const { share, rank } = records.get(member.endpoint ?? '') ?? { share: 1, rank: 0 }
      member.configure({ ...traits, weight: weight * share, tier: tier + rank })
    }
  }

  /** Resolves when no request is running there. */
  #whenIdle(member: Backend): Promise<void> {
    if (member.inFlight === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const before = this.#idle.get(member)
      this.#idle.set(member, () => {
        before?.()
        resolve()
      })
    })
  }

  #startChecks(member: Backend): void {
    const probe = this.#probe
    if (probe !== undefined)
      member.health.checker.start((options, signal, progress) => probe(member, options, signal, progress))
    const sendCanary = this.#sendCanary
    if (sendCanary === undefined) return
    member.health.canary.start(async (job, signal) => {
      const start = this.#clock.now()
      const result = await sendCanary(member, job, signal)
      const time = this.#clock.now() - start
      const { key, purpose = 'failure' } = job
      if (!signal.aborted) this.#tell({ kind: 'canary', job: key, purpose, result, time }, member.endpoint)
      return result
    })
  }

  #join(member: Backend): void {
    this.#leaving.delete(member)
    member.target.setLeaving(false)
    this.#startChecks(member)
  }

  #leave(member: Backend): void {
    this.#leaving.add(member)
    member.target.setLeaving(true)
    stop(member)
    this.#whenIdle(member).then(() => {
      // It may have come back since.
      if (!this.#leaving.delete(member)) return
      stop(member)
      member.target.close()
    })
  }

  #make(endpoint?: Endpoint): Backend {
    const text = endpoint && formatEndpoint(endpoint)
    const member: Backend = new Backend(this.name, {
      ...this.#traits,
      endpoint,
      missingAddress: () => this.#missingAddress,
      enabled: this.#enabled,
      waker: this.#waker,
      clock: this.#clock,
      onChange: (change) => {
        this.#waker.changed()
        if (isReturn(change)) this.#waker.cameUp()
        this.#tell(change, text)
        // There may be others by now.
        if (isLoss(change)) this.#discovery?.refresh()
      },
      onRelief: () => {
        if (this.#idle.size > 0 && member.inFlight === 0) {
          this.#idle.get(member)?.()
          this.#idle.delete(member)
        }
        this.#environment.onRelief?.()
      },
    })
    return member
  }

  /** Without an address there is nothing to probe. */
  get #traits(): BackendTraits {
    const { wake: _, discover: __, ...traits } = this.#settings
    return this.#missingAddress === undefined ? traits : { ...traits, check: undefined }
  }

  #tell(change: GroupChange, endpoint?: string): void {
    this.#environment.onChange?.(change, endpoint)
  }
}

function stop({ health, demand }: Backend): void {
  health.checker.stop()
  health.canary.stop()
  demand.stop()
}
