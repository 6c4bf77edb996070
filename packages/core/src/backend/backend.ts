import { isDeepStrictEqual } from 'node:util'
import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { type Endpoint, formatEndpoint } from '../discover/endpoint.ts'
import { removeItem } from '../remove-item.ts'
import {
  type BackendChange,
  type BackendSettings,
  type BackendTraits,
  ownHeadersOf,
  type TlsSettings,
} from './backend-settings.ts'
import { withoutCredentials } from './credentials.ts'
import {
  Checker,
  type CheckOptions,
  type Probe,
  type ProbeProgress,
  type ProbeState,
} from './health/checker.ts'
import { type Evidence, isUndecided } from './health/evidence.ts'
import { Health, type Obstacle, type PassiveHealth } from './health/health.ts'
import { type JobKeys, NO_KEYS } from './job-keys.ts'
import { type Latency, LatencyBook } from './latency/latency-book.ts'
import { Room } from './limit/room.ts'
import { Workload } from './limit/workload.ts'
import type { Outcome } from './outcome.ts'
import { Waiters } from './waiters.ts'

/** What is known of a backend, without its credentials. */
export interface BackendInfo {
  readonly name: string
  /** The base URL as configured, without credentials. */
  readonly url: string
  /** Its address, such as `10.0.0.3:3003`, when it is one of several that its name has. */
  readonly endpoint: string | undefined
}

/** The right to send one request. */
export interface Slot {
  /** Whether this request finds out if the backend is back. */
  readonly trial: boolean
  /** Ends it; only the first call counts. */
  release(outcome?: Outcome): void
  /**
   * Says what a second opinion has decided about an undecided outcome with which the slot was released; only the first call
   * counts.
   *
   * @param isBlamed Whether the backend is at fault, and not the job.
   */
  decide(isBlamed: boolean): void
}

/** What is known of a backend's health. */
export interface BackendHealth extends PassiveHealth {
  /** `false` once it was drained, until it is enabled again. */
  readonly enabled: boolean
  /** What the probes say; `undefined` where none are sent. */
  readonly probe: ProbeState | undefined
}

/** How one server is asked whether it is there. @returns Why it is not well; `undefined` when it is. */
export type BackendProbe = (
  backend: Backend,
  options: CheckOptions,
  signal: AbortSignal,
  progress: ProbeProgress,
) => ReturnType<Probe>

/** A request that is on a backend. */
export interface Visitor {
  /** The probes say that the backend is down, and it takes no connections. */
  backendGone(): void
}

/**
 * One ML server with its live state: a backend, or one endpoint of a backend whose name has several. Strategies read it;
 * only a lease changes it.
 */
export class Backend implements BackendInfo {
  // Next to each other in memory, since a decision asks all of perhaps a thousand.
  #version = ++versions
  #openTo: OpenTo | undefined
  #weight: number
  #tier: number
  readonly name: string
  /** What tells it from every other server, also from those that have had its name before: `ml@10.0.0.3:3003`. */
  readonly id: string
  readonly url: string
  readonly endpoint: string | undefined
  /** Where connections to it go; to what its URL names, when not given. */
  readonly connectsTo: Pick<Endpoint, 'address' | 'port'> | undefined
  /** Where predict requests go: the base path and `/predict`. */
  readonly predictUrl: URL
  /** The same without its origin. */
  readonly predictPath: string
  readonly #settings: BackendSettings
  #traits: BackendTraits
  readonly #clock: Clock
  readonly #health: Health
  readonly #latencies: LatencyBook
  readonly #room: Room
  readonly #workload: Workload
  readonly #waiters: Waiters
  #checker: Checker | undefined
  #headers: Readonly<Record<string, string>> | undefined
  #enabled: boolean
  #leaving = false
  #idle: (() => void)[] = []
  #onGone: (() => void)[] = []
  readonly #visitors: Visitor[] = []

  constructor(name: string, settings: BackendSettings) {
    this.#settings = settings
    this.#traits = settings
    this.#clock = settings.clock ?? systemClock
    this.#latencies = new LatencyBook(this.#clock)
    this.#room = new Room(this.#clock, settings)
    this.#workload = new Workload(this.#clock)
    this.#health = new Health(this.#clock, (change) => this.#changed(change))
    this.#checker = this.#checkerOf(settings)
    this.#waiters = new Waiters(settings.waker, (hurried) => {
      this.#checker?.hurry(hurried)
      this.#health.hurry(hurried)
    })
    this.#headers = ownHeadersOf(settings)
    this.name = name
    this.connectsTo = settings.endpoint
    this.endpoint = settings.endpoint && formatEndpoint(settings.endpoint)
    this.url = withoutCredentials(settings.url)
    this.id = idOf(this)
    this.#weight = settings.weight
    this.#tier = settings.tier ?? defaults.tier
    this.#enabled = settings.enabled ?? true
    this.predictUrl = new URL(`${this.url}/predict`)
    this.predictPath = this.predictUrl.pathname
  }

  /** Takes over other settings. What is known of it, and what it is doing, stays. */
  adapt(traits: BackendTraits): void {
    const before = this.#traits
    // Connections are made anew when it is another.
    const tls = isDeepStrictEqual(traits.tls, before.tls) ? before.tls : traits.tls
    this.#traits = { ...traits, tls }
    this.rate(traits.weight, traits.tier ?? defaults.tier)
    this.#headers = ownHeadersOf(traits)
    this.#room.adapt(traits)
    if (this.#checker !== undefined && traits.check !== undefined) this.#checker.adapt(traits.check)
    else {
      this.#checker?.stop()
      this.#checker = this.#checkerOf(traits)
      this.#checker?.hurry(this.#waiters.hurried)
    }
    this.#touch()
  }

  #checkerOf({ check }: BackendTraits): Checker | undefined {
    if (check === undefined) return undefined
    return new Checker(this.#clock, check, {
      onChange: (from, to) => {
        // Behind a pause it loads its models anew.
        if (from.kind === 'down') this.#health.startSlowly()
        this.#changed({ kind: 'probe', from, to })
      },
      onAnswered: () => {
        if (!this.#health.isReached()) return
        this.#touch()
        this.#settings.onRelief?.()
      },
      onGone: (began) => {
        this.#health.triedInVain(began)
        for (const visitor of [...this.#visitors]) visitor.backendGone()
        // Nobody need wait for those that remain there to end.
        this.#settings.onRelief?.()
      },
    })
  }

  /** Longest time that a connection to it may take to open, in milliseconds, of all routes to it. */
  get connectTimeout(): number {
    return this.#traits.connectTimeout ?? defaults.connectTimeout
  }

  /** Share in the weighted strategies, above 0. */
  get weight(): number {
    return this.#weight
  }

  /** One of a higher tier is used only when none of a lower one is there. */
  get tier(): number {
    return this.#tier
  }

  /** Its name's records have changed what they say of it. */
  rate(weight: number, tier: number): void {
    this.#weight = weight
    this.#tier = tier
    this.#touch()
  }

  /** When it is now, on its clock. */
  get now(): number {
    return this.#clock.now()
  }

  /**
   * Another number whenever something about it has changed but for what changes with time, and never one that another server
   * has had: whoever knows a server by its version need not ask it anew.
   */
  get version(): number {
    return this.#version
  }

  /** Bytes of a body that a proxy in front of it has refused as too large; `undefined` when none was. */
  get sizeLimit(): number | undefined {
    return this.#health.sizeLimit
  }

  /** Requests that hold a lease on this backend. */
  get inFlight(): number {
    return this.#workload.size
  }

  /** Requests that wait for it, or for another that may serve them. */
  get waiting(): number {
    return this.#waiters.count
  }

  /** Requests that have failed there, of all time. */
  get failures(): number {
    return this.#health.failures
  }

  /** Whether it takes requests at all. */
  get enabled(): boolean {
    return this.#enabled
  }

  /**
   * The headers that only this backend may see, its credentials among them; `undefined` for none. They and the TLS settings
   * are kept out of every member that can be enumerated, and so out of logs.
   */
  ownHeaders(): Readonly<Record<string, string>> | undefined {
    return this.#headers
  }

  /** What is particular about TLS to it. */
  tls(): TlsSettings | undefined {
    return this.#traits.tls
  }

  /** What probes and the outcomes of its requests say about it. */
  get health(): BackendHealth {
    return { enabled: this.#enabled, probe: this.#checker?.state, ...this.#health.status }
  }

  /** Whether the machine itself seems to be away. */
  get down(): boolean {
    if (this.isPlain) return false
    return this.#checker?.state.kind === 'down' || this.#health.unreachable
  }

  /** Whether a request or a probe tried in vain to reach it, and began to after this time, on the clock. */
  triedInVainSince(time: number): boolean {
    return this.down && this.#health.lastVainTry > time
  }

  /** The tasks that it serves, as far as its settings say; `undefined` for all. */
  get tasks(): readonly string[] | undefined {
    return this.#traits.tasks
  }

  /**
   * Whether it serves all of these tasks, as far as its settings say. No tasks stand for an unclassified request, which may be
   * of any task.
   */
  serves(tasks: readonly string[]): boolean {
    const { tasks: served, unclassified } = this.#traits
    if (served === undefined) return true
    return tasks.length === 0 ? unclassified === true : tasks.every((task) => served.includes(task))
  }

  /** Requests that it may have at once; `Infinity` for any number. */
  get limit(): number {
    return this.#room.limit
  }

  /** Requests that it works on at once, as far as is known: what it may have besides waits inside it. */
  get workers(): number {
    return this.#room.workers
  }

  /** Whether it is being found out if it can work on twice as many. */
  get mayHaveMore(): boolean {
    return this.#room.mayHaveMore
  }

  /**
   * Why no such request can be sent now; `undefined` when one can.
   *
   * @param urgent Whether it may have what is reserved.
   */
  obstacle(job: JobKeys, urgent = true): Obstacle | undefined {
    switch (this.#open) {
      case 'all':
        return undefined
      case 'urgent':
        return urgent ? undefined : FULL
      case 'none':
        return FULL
      default:
        return this.#obstacle(job, urgent)
    }
  }

  #obstacle(job: JobKeys, urgent: boolean): Obstacle | undefined {
    if (!this.#enabled) return DISABLED
    if (this.#checker?.state.kind === 'down') return DOWN
    const obstacle = this.#health.obstacle(job)
    if (obstacle !== undefined) return obstacle
    return this.hasRoom(urgent) ? undefined : FULL
  }

  get #open(): OpenTo {
    this.#openTo ??= this.#opening()
    return this.#openTo
  }

  #opening(): OpenTo {
    if (!this.#enabled || this.#checker?.state.kind === 'down' || !this.#health.isWell) return 'depends'
    if (this.hasRoom(false)) return 'all'
    if (this.#room.growsWithTime) return 'depends'
    return this.hasRoom(true) ? 'urgent' : 'none'
  }

  /** Whether it depends on nothing but how urgent a request is, and not on the time either, if it is sent here. */
  get isPlain(): boolean {
    return this.#open !== 'depends'
  }

  /** Something has changed. */
  #touch(): void {
    this.#version = ++versions
    this.#openTo = undefined
  }

  /** Whether it has fewer requests than it may have. */
  hasRoom(urgent: boolean): boolean {
    return this.#room.has(this.inFlight, urgent)
  }

  /** Whether a slot for such a request is hard to come by: the backend is coming back, and gets one request at a time. */
  isRare(job: JobKeys): boolean {
    return !this.isPlain && this.#health.isRare(job)
  }

  /** Whether it has served such a request: its tasks, types and models. */
  hasServed(job: JobKeys): boolean {
    return this.#health.hasServed(job)
  }

  /** Whether it refuses such requests, and has never served one. */
  refuses(job: JobKeys): boolean {
    return !this.isPlain && this.#health.refuses(job)
  }

  /** Whether nothing has failed there for so long, in milliseconds. */
  wellFor(time: number): boolean {
    return this.#health.wellFor(time)
  }

  /**
   * How long a job of this kind takes there where it need not wait inside, in milliseconds; `undefined` when none has been
   * done yet.
   */
  expected(kind: string): number | undefined {
    return this.#latencies.expected(kind)
  }

  /** How long so many percent of the last jobs of this kind took there at most, in milliseconds, once enough are known. */
  percentile(kind: string, percent: number): number | undefined {
    return this.#latencies.percentile(kind, percent)
  }

  /** How long any job takes there, in milliseconds: the mean of all kinds; `undefined` when none has been done yet. */
  get average(): number | undefined {
    return this.#latencies.average
  }

  /** How many times as long as another it takes, by the kinds of jobs that both have done; `undefined` when there are none. */
  ratioTo(other: Backend): number | undefined {
    return this === other ? 1 : this.#latencies.ratioTo(other.#latencies)
  }

  /** What {@link Backend.expected} goes by. */
  latency(kind: string): Latency | undefined {
    return this.#latencies.of(kind)
  }

  /** Milliseconds since a job of this kind was done there; of a kind that never was, since the first job of any kind. */
  sinceDone(kind: string): number | undefined {
    return this.#latencies.sinceDone(kind)
  }

  /** How long what is in flight takes, one after the other, in milliseconds. */
  get ahead(): number {
    return this.#workload.ahead
  }

  /** How long it takes until one of those in flight is done and there is room for another, in milliseconds. */
  get freeIn(): number {
    return this.#workload.freeIn(this.limit)
  }

  /** How long it takes until one that it works on is done, and the next inside is worked on, in milliseconds. */
  get workerFreeIn(): number {
    return this.#workload.freeIn(this.workers)
  }

  /** How long jobs take there, by kind, in milliseconds. */
  get latencies(): Readonly<Record<string, number>> {
    return this.#latencies.all
  }

  /**
   * Takes a slot for a request; `release` gives it back, once however often it is called.
   *
   * @param kind Its kind, by which latencies are kept.
   * @param urgent Whether it may have what is reserved.
   */
  reserve(job: JobKeys = NO_KEYS, kind = '', urgent = false): Slot {
    const inFlight = this.inFlight + 1
    const run = this.#workload.begin(this.expected(kind) ?? 0)
    const sample = this.#room.begin(this.inFlight, urgent)
    const ticket = this.#health.begin(job)
    this.#touch()
    let held = true
    let undecided: { readonly outcome: Outcome; readonly time: number } | undefined
    const release = (outcome?: Outcome) => {
      if (!held) return
      held = false
      this.#workload.end(run)
      const evidence = this.#health.record(ticket, outcome, this.waiting > 0)
      // That its client was slow to upload does not make a backend slow.
      const starvedFor = (outcome?.kind === 'answered' ? outcome.starvedFor : undefined) ?? 0
      const time = Math.max(0, this.#clock.now() - run.began - starvedFor)
      if (isUndecided(outcome)) undecided = { outcome, time }
      const isGood = evidence.kind === 'good'
      this.#room.end(sample, kind, isGood ? time : undefined)
      if (isGood) this.#latencies.observe(kind, time, this.#crowding(inFlight))
      else if (outcome?.kind === 'superseded') this.#latencies.observeAtLeast(kind, time)
      else this.#observeFailure(evidence, job, kind, time)
      this.#touch()
      if (isGood) this.#checker?.succeed()
      if (evidence.kind === 'unreachable') this.#checker?.doubt()
      if (this.inFlight === 0) for (const resolve of this.#idle.splice(0)) resolve()
      this.#settings.onRelief?.()
    }
    const decide = (isBlamed: boolean) => {
      if (undecided === undefined) return
      const { outcome, time } = undecided
      undecided = undefined
      this.#observeFailure(this.#health.decide(ticket, outcome, isBlamed), job, kind, time)
      this.#touch()
      this.#settings.onRelief?.()
    }
    return { trial: ticket.runs.some(({ trial }) => trial), release, decide }
  }

  /** How many times as long a job takes with so many in flight as it would where it need not wait inside. */
  #crowding(inFlight: number): number {
    return Math.max(1, inFlight / this.workers)
  }

  /** Starts the probes, the first at once. */
  start(probe: BackendProbe): void {
    this.#checker?.start((options, signal, progress) => probe(this, options, signal, progress))
  }

  /** A request is there. It is told when the machine takes no connections any more, until it has left. */
  enter(visitor: Visitor): void {
    this.#visitors.push(visitor)
  }

  /** It is over. */
  exit(visitor: Visitor): void {
    removeItem(this.#visitors, visitor)
  }

  /** Stops the probes. */
  stop(): void {
    this.#checker?.stop()
    this.#waiters.stopWaking()
  }

  /** Resolves when nothing is running there. */
  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Sends it nothing more. Resolves when what is running there is over. */
  drain(): Promise<void> {
    this.#enable(false)
    return this.idle()
  }

  /** Whether it gets nothing more, and is let go once it is idle: its address is gone, or it is in the policy no more. */
  get leaving(): boolean {
    return this.#leaving
  }

  /** It gets nothing more, unless it comes back. */
  leave(): void {
    this.#leaving = true
    this.stop()
  }

  /** It is used again. */
  comeBack(): void {
    this.#leaving = false
  }

  /** It is gone for good, and nothing is running there. */
  end(): void {
    this.stop()
    for (const callback of this.#onGone.splice(0)) callback()
  }

  /** Calls back when it is gone for good. */
  whenGone(callback: () => void): void {
    this.#onGone.push(callback)
  }

  /** Sends it requests again, also those that it has refused for what it lacked. */
  enable(): void {
    this.#health.forgetLacks()
    this.#touch()
    this.#enable(true)
    this.#settings.onRelief?.()
  }

  /** Whether its machine can be switched on by a packet. */
  get wakes(): boolean {
    return this.#settings.waker?.hasTarget ?? false
  }

  /** A request would go here, if it could. */
  want(): void {
    if (this.down) this.#settings.waker?.want()
  }

  /**
   * A request waits for it.
   *
   * @param away Whether it waits for it to be there, and not for a slot: then it is asked and wanted more often.
   */
  beginWait(away: boolean): void {
    this.#waiters.begin(away)
  }

  /** One of those that have begun to wait for it does no more. */
  endWait(): void {
    this.#waiters.end()
  }

  #enable(enabled: boolean): void {
    if (this.#enabled === enabled) return
    this.#enabled = enabled
    this.#changed({ kind: 'enabled', enabled })
  }

  /** A backend that gets no requests needs not seem slow as well: it would go on to when it is back. */
  #observeFailure(evidence: Evidence, job: JobKeys, kind: string, time: number): void {
    if (!('reason' in evidence)) return
    const obstacle = this.obstacle(job)?.kind
    if (obstacle === 'ejected' || obstacle === 'down') this.#latencies.forgetPeaks()
    else this.#latencies.observeFailure(kind, time)
  }

  #changed(change: BackendChange): void {
    this.#touch()
    this.#settings.onChange?.(change)
    // One that goes down while somebody waits is wanted from then on.
    if (this.waiting > 0 && this.down) {
      this.#waiters.hurry()
      this.want()
    }
    this.#settings.onRelief?.()
  }
}

/** Of whom a backend takes requests, as long as nothing about it changes; or that it depends on more than that. */
type OpenTo = 'all' | 'urgent' | 'none' | 'depends'

let versions = 0

/** The highest version of all: as long as it is the same, no server has changed. */
export function latestVersion(): number {
  return versions
}

/** What ends by an event, and not by time. */
const DISABLED: Obstacle = { kind: 'disabled', until: Number.POSITIVE_INFINITY }
const DOWN: Obstacle = { kind: 'down', until: Number.POSITIVE_INFINITY }
const FULL: Obstacle = { kind: 'full', until: Number.POSITIVE_INFINITY }

/** What tells a server from every other, also from those that have had its name before. */
export function idOf({ name, url, endpoint }: BackendInfo): string {
  return `${name}@${endpoint ?? url}`
}
