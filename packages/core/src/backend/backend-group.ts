import { isDeepStrictEqual } from 'node:util'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { type Discovered, Discovery, type DiscoverySettings } from '../discover/discovery.ts'
import { type Endpoint, formatEndpoint } from '../discover/endpoint.ts'
import type { Resolver } from '../discover/resolver.ts'
import { Backend, type BackendInfo, type BackendProbe } from './backend.ts'
import type { BackendChange, BackendSettings, BackendTraits } from './backend-settings.ts'
import { withoutCredentials } from './credentials.ts'
import { Unresolved } from './unresolved.ts'
import { Waker, type WakeSettings } from './waker.ts'

/** What has changed about a backend, or about one of its endpoints. */
export type GroupChange =
  | BackendChange
  /** A request wants it while it is down: it was sent a packet, if it has an address for that. */
  | { readonly kind: 'wanted'; readonly error: Error | undefined }
  /** Its name has got other addresses, or can be resolved again. */
  | {
      readonly kind: 'resolved'
      readonly endpoints: readonly string[]
      readonly added: readonly string[]
      /** They get nothing more; what is running there goes on. */
      readonly removed: readonly string[]
    }
  /**
   * Its name, or one of several, or that of a server of its service, cannot be resolved: the endpoints that were found by
   * it stay as they are.
   */
  | { readonly kind: 'unresolved'; readonly error: Error }
  /** It has come with another policy. */
  | { readonly kind: 'added'; readonly url: string }
  /** It has gone with the old policy, or its name is another server's now. What is running there goes on. */
  | { readonly kind: 'removed'; readonly url: string }

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
  /** A request may find room that found none before. */
  readonly onRelief?: (() => void) | undefined
}

/**
 * A backend by its name: one server, or the endpoints that its name has at the time. Until there is one, an
 * {@link Unresolved} stands for it.
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
  #failure: string | undefined
  #endpoints: readonly Endpoint[] = []
  #onMembers: () => void = () => {}

  constructor(name: string, settings: GroupSettings, environment: GroupEnvironment) {
    this.name = name
    this.#settings = settings
    this.#environment = environment
    this.#clock = environment.clock ?? systemClock
    this.#waker = new Waker(this.#clock, {
      wake: settings.wake,
      isDown: () => this.#enabled && this.#members.every(({ down }) => down),
      onWanted: (error) => this.#tell({ kind: 'wanted', error }),
    })
    const first =
      settings.discover === undefined ? this.#make() : new Unresolved(name, this.#settingsOf(undefined))
    this.#members = [first]
    this.#discovery = this.#makeDiscovery()
    this.url = first.url
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

  /** Takes over other settings, which mean the same. What is known of its servers, and what they are doing, stays. */
  adapt(settings: GroupSettings): void {
    this.#settings = settings
    this.#waker.adapt(settings.wake)
    for (const member of [...this.#members, ...this.#leaving]) member.adapt(this.#traits)
    this.#rate()
    if (settings.discover !== undefined) this.#discovery?.configure(settings.discover)
    if (this.#probe !== undefined) this.start(this.#probe)
  }

  /**
   * It gets nothing more. What is running there goes on, and when that is over, its connections are closed.
   *
   * @returns when nothing is running there.
   */
  async leave(): Promise<void> {
    this.#discovery?.stop()
    for (const member of this.#members) this.#leave(member)
    await Promise.all([...this.#leaving].map((member) => member.idle()))
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

  /** Calls back when `members` has changed. */
  onMembers(callback: () => void): void {
    this.#onMembers = callback
  }

  /** Begins to look for its endpoints, if it has some. */
  discover(): void {
    this.#discovering = true
    this.#discovery?.start()
  }

  /** Starts the probes, now and of endpoints that come later. */
  start(probe: BackendProbe): void {
    this.#probe ??= probe
    for (const member of this.#members) member.start(this.#probe)
  }

  /** Stops the probes and the discovery. */
  stop(): void {
    this.#discovery?.stop()
    for (const member of this.#members) member.stop()
  }

  /** Sends it nothing more, wherever it is found. Resolves when what is running there is over. */
  async drain(): Promise<void> {
    this.#enabled = false
    await Promise.all([...this.#members, ...this.#leaving].map((member) => member.drain()))
  }

  /** Sends it requests again. */
  enable(): void {
    this.#enabled = true
    for (const member of [...this.#members, ...this.#leaving]) member.enable()
  }

  /** Has its machine switched on, whether or not anybody wants it. Rejects when no packet could be sent. */
  wake(): Promise<void> {
    return this.#waker.wake()
  }

  #onDiscovered({ endpoints, error }: Discovered): void {
    const failed = this.#failure
    this.#failure = error?.message
    const { added, removed } = this.#place(endpoints)
    const changed = added.length + removed.length > 0
    if (changed || (failed !== undefined && error === undefined)) {
      const texts = (members: readonly Backend[]) => members.flatMap(({ endpoint }) => endpoint ?? [])
      const all = texts(this.#members)
      this.#tell({ kind: 'resolved', endpoints: all, added: texts(added), removed: texts(removed) })
    }
    if (error !== undefined) {
      if (error.message !== failed) this.#tell({ kind: 'unresolved', error })
      const [standIn] = this.#members
      if (standIn instanceof Unresolved) standIn.fail(error)
    }
    if (changed || error !== undefined) this.#environment.onRelief?.()
  }

  /** Keeps those that are still there, with all that is known of them. */
  #place(endpoints: readonly Endpoint[]): { added: readonly Backend[]; removed: readonly Backend[] } {
    const before = this.#members
    const known = new Map([...before, ...this.#leaving].map((member) => [member.endpoint, member]))
    const found = endpoints.map((endpoint) => known.get(formatEndpoint(endpoint)) ?? this.#make(endpoint))
    const staying = before.filter((member) => found.includes(member))
    const added = found.filter((member) => !staying.includes(member))
    const removed = before.filter((member) => !staying.includes(member))
    const [first, ...others] = [...staying, ...added]
    // What has never had an address has none now; what has had some keeps them.
    if (first === undefined) return { added: [], removed: [] }
    this.#endpoints = endpoints
    if (added.length + removed.length > 0) {
      this.#members = [first, ...others]
      for (const member of added) this.#join(member)
      for (const member of removed) this.#leave(member)
    }
    this.#rate()
    if (added.length + removed.length > 0) this.#onMembers()
    return { added, removed }
  }

  /** By what their records say of them. */
  #rate(): void {
    const { weight, tier = defaults.tier } = this.#settings
    const members = new Map(this.#members.map((member) => [member.endpoint, member]))
    for (const endpoint of this.#endpoints)
      members.get(formatEndpoint(endpoint))?.rate(weight * endpoint.share, tier + endpoint.rank)
  }

  #join(member: Backend): void {
    this.#leaving.delete(member)
    member.comeBack()
    if (this.#probe !== undefined) member.start(this.#probe)
  }

  #leave(member: Backend): void {
    this.#leaving.add(member)
    member.leave()
    member.idle().then(() => {
      // It may have come back meanwhile.
      if (this.#leaving.delete(member)) member.end()
    })
  }

  #make(endpoint?: Endpoint): Backend {
    return new Backend(this.name, this.#settingsOf(endpoint))
  }

  #settingsOf(endpoint: Endpoint | undefined): BackendSettings {
    const text = endpoint && formatEndpoint(endpoint)
    return {
      ...this.#traits,
      endpoint,
      enabled: this.#enabled,
      waker: this.#waker,
      clock: this.#clock,
      onChange: (change) => {
        this.#waker.changed()
        this.#tell(change, text)
        // There may be others by now.
        if (isLoss(change)) this.#discovery?.refresh()
      },
      onRelief: () => this.#environment.onRelief?.(),
    }
  }

  get #traits(): BackendTraits {
    const { wake: _, discover: __, ...traits } = this.#settings
    return traits
  }

  #tell(change: GroupChange, endpoint?: string): void {
    this.#environment.onChange?.(change, endpoint)
  }
}

/** Whether a server is there no more. */
function isLoss(change: BackendChange): boolean {
  if (change.kind === 'probe') return change.to.kind === 'down'
  return change.kind === 'breaker' && change.task === undefined && change.to.kind === 'open'
}
