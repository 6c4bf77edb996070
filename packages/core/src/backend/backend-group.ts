import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../defaults.ts'
import { type Discovered, Discovery, type DiscoverySettings } from '../discover/discovery.ts'
import { type Endpoint, formatEndpoint } from '../discover/endpoint.ts'
import type { Resolver } from '../discover/resolver.ts'
import { Backend, type BackendChange, type BackendInfo, type BackendSettings } from './backend.ts'
import type { CheckOptions, Probe } from './checker.ts'
import { Unresolved } from './unresolved.ts'
import type { WakeTarget } from './wake.ts'
import { Waker } from './waker.ts'

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
  /** Its name cannot be resolved: the endpoints stay as they are. */
  | { readonly kind: 'unresolved'; readonly error: Error }

/** What is the same for every endpoint of a backend. */
export interface GroupSettings
  extends Omit<BackendSettings, 'endpoint' | 'enabled' | 'waker' | 'clock' | 'onChange' | 'onRelief'> {
  readonly wake?: (WakeTarget & { readonly every: number }) | undefined
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

/** How one server is asked whether it is there. @returns Why it is not well; `undefined` when it is. */
export type BackendProbe = (backend: Backend, options: CheckOptions, signal: AbortSignal) => ReturnType<Probe>

/**
 * A backend by its name: one server, or the endpoints that its name has at the time. Until there is one, an
 * {@link Unresolved} stands for it.
 */
export class BackendGroup implements BackendInfo {
  readonly name: string
  readonly url: string
  readonly endpoint = undefined
  readonly #settings: GroupSettings
  readonly #environment: GroupEnvironment
  readonly #clock: Clock
  readonly #waker: Waker
  readonly #discovery: Discovery | undefined
  /** Their addresses are gone, and requests are still running there. */
  readonly #leaving = new Set<Backend>()
  #members: readonly [Backend, ...Backend[]]
  #enabled = true
  #probe: BackendProbe | undefined
  #failure: string | undefined
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
    const { discover } = settings
    const first = discover === undefined ? this.#make() : new Unresolved(name, this.#settingsOf(undefined))
    this.#members = [first]
    this.#discovery =
      discover &&
      new Discovery(this.#clock, discover, environment.resolver(), (found) => this.#onDiscovered(found))
    this.url = first.url
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
    const found = endpoints.map((endpoint) => {
      const member = known.get(formatEndpoint(endpoint)) ?? this.#make(endpoint)
      member.rate(...this.#rateOf(endpoint))
      return member
    })
    const staying = before.filter((member) => found.includes(member))
    const added = found.filter((member) => !staying.includes(member))
    const removed = before.filter((member) => !staying.includes(member))
    const [first, ...others] = [...staying, ...added]
    // What has never had an address has none now; what has had some keeps them.
    if (first === undefined) return { added: [], removed: [] }
    if (added.length + removed.length > 0) {
      this.#members = [first, ...others]
      for (const member of added) this.#join(member)
      for (const member of removed) this.#leave(member)
      this.#onMembers()
    }
    return { added, removed }
  }

  #join(member: Backend): void {
    this.#leaving.delete(member)
    if (this.#probe !== undefined) member.start(this.#probe)
  }

  #leave(member: Backend): void {
    this.#leaving.add(member)
    member.stop()
    member.idle().then(() => {
      // It may have come back meanwhile.
      if (this.#leaving.delete(member)) member.end()
    })
  }

  #make(endpoint?: Endpoint): Backend {
    return new Backend(this.name, this.#settingsOf(endpoint))
  }

  #settingsOf(endpoint: Endpoint | undefined): BackendSettings {
    const { wake: _, discover: __, ...settings } = this.#settings
    const text = endpoint && formatEndpoint(endpoint)
    return {
      ...settings,
      endpoint,
      enabled: this.#enabled,
      waker: this.#waker,
      clock: this.#clock,
      onChange: (change) => {
        this.#tell(change, text)
        // There may be others by now.
        if (isLoss(change)) this.#discovery?.doubt()
      },
      onRelief: () => this.#environment.onRelief?.(),
    }
  }

  #rateOf({ share, rank }: Endpoint): [weight: number, tier: number] {
    const { weight, tier = defaults.tier } = this.#settings
    return [weight * share, tier + rank]
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
