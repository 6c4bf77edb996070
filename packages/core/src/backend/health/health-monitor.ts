import type { Clock } from '../../clock.ts'
import type { JobKeys } from '../job-keys.ts'
import type { Capabilities } from './capabilities.ts'
import { Checker, type CheckOptions, type Probe, type ProbeState } from './checker.ts'
import type { Obstacle } from './obstacle.ts'
import { type PassiveChange, type PassiveHealth, RequestHealth } from './request-health.ts'

/** A backend's health. */
export interface BackendHealth extends PassiveHealth {
  /** `false` once it was drained, until it is enabled again. */
  readonly enabled: boolean
  /** What the probes say; `undefined` where none are sent. */
  readonly probe: ProbeState | undefined
}

/** What others see of a backend's health. */
export interface HealthView {
  readonly status: BackendHealth
  /** Why its name has no address, in words; `undefined` when it has one. */
  readonly unresolved: string | undefined
  /** Whether the machine itself seems to be unreachable. */
  readonly isDown: boolean
  /**
   * Why no such request can be sent now; `undefined` when one can.
   *
   * @param urgent Whether it may have the slots that are reserved.
   */
  obstacle(job: JobKeys, urgent?: boolean): Obstacle | undefined
  /** What its requests say. */
  readonly requests: Pick<RequestHealth, 'failures' | 'isRare' | 'wellFor'>
  /** What it can do. */
  readonly capabilities: Pick<Capabilities, 'sizeLimit' | 'hasServed' | 'refuses'>
  /** Whether a request or a probe that began after this time, on the clock, could not reach it. */
  triedInVainSince(time: number): boolean
}

/** A change of a backend's health. */
export type HealthChange =
  | PassiveChange
  | { readonly kind: 'probe'; readonly from: ProbeState; readonly to: ProbeState }
  | { readonly kind: 'enabled'; readonly enabled: boolean }

export interface HealthSettings {
  readonly clock: Clock
  readonly check: CheckOptions | undefined
  readonly enabled: boolean
  /** Whether one more request fits. */
  readonly hasSlot: (urgent: boolean) => boolean
  /** Why its name has no address, and whether that is known for sure; `undefined` when it has one. */
  readonly missingAddress: (() => MissingAddress) | undefined
  readonly onChange: (change: HealthChange) => void
  /** It may be able to take a request that it could not take before. */
  readonly onRelief: () => void
  /** It takes no connections: what it was working on is lost. */
  readonly onGone: () => void
}

export interface MissingAddress {
  /** `resolving` until the first look-up has failed. */
  readonly kind: 'resolving' | 'unresolved'
  readonly words: string
}

/** Combines what probes and requests say about a backend, and decides when it is probed. */
export class HealthMonitor implements HealthView {
  readonly #settings: HealthSettings
  /** What requests say. */
  readonly requests: RequestHealth
  #checker: Checker | undefined
  #enabled: boolean
  #isHurried = false

  constructor(settings: HealthSettings) {
    this.#settings = settings
    this.#enabled = settings.enabled
    this.requests = new RequestHealth(settings.clock, settings.onChange, () => this.#isHurried)
    this.#checker = this.#checkerOf(settings.check)
  }

  /** Probes with other options. What is known stays. */
  configure(check: CheckOptions | undefined): void {
    if (this.#checker !== undefined && check !== undefined) this.#checker.configure(check)
    else {
      this.#checker?.stop()
      this.#checker = this.#checkerOf(check)
      this.#checker?.hurry(this.#isHurried)
    }
  }

  #checkerOf(check: CheckOptions | undefined): Checker | undefined {
    const { clock, missingAddress, onChange, onRelief, onGone } = this.#settings
    if (check === undefined || missingAddress !== undefined) return undefined
    return new Checker(clock, check, {
      onChange: (from, to) => {
        // After a pause it has to load its models again.
        if (from.kind === 'down') this.requests.startSlowly()
        onChange({ kind: 'probe', from, to })
      },
      onAnswered: () => {
        if (this.requests.isReached()) onRelief()
      },
      onGone: (began) => {
        this.requests.triedInVain(began)
        onGone()
        onRelief()
      },
    })
  }

  /** Starts the probes, the first at once. */
  start(probe: Probe): void {
    this.#checker?.start(probe)
  }

  stop(): void {
    this.#checker?.stop()
  }

  /** While requests wait for it to be available, it is probed and tried more often. */
  hurry(isHurried: boolean): void {
    this.#isHurried = isHurried
    this.#checker?.hurry(isHurried)
  }

  /** A drained backend gets no requests. Enabling it forgets what it has refused, such as a model that it lacked. */
  enable(enabled: boolean): void {
    const { onChange, onRelief } = this.#settings
    if (enabled) this.capabilities.forget()
    if (this.#enabled !== enabled) {
      this.#enabled = enabled
      onChange({ kind: 'enabled', enabled })
    }
    if (enabled) onRelief()
  }

  /** A request has proved more than a probe would: that it is well, or that it may be down. */
  heed(isWell: boolean): void {
    if (isWell) this.#checker?.succeed()
    else this.#checker?.doubt()
  }

  get status(): BackendHealth {
    return { enabled: this.#enabled, probe: this.#checker?.state, ...this.requests.status }
  }

  get capabilities(): Capabilities {
    return this.requests.capabilities
  }

  get unresolved(): string | undefined {
    return this.#settings.missingAddress?.().words
  }

  get isDown(): boolean {
    if (this.#settings.missingAddress !== undefined) return true
    return this.#checker?.state.kind === 'down' || this.requests.unreachable
  }

  obstacle(job: JobKeys, urgent = true): Obstacle | undefined {
    if (!this.#enabled) return DISABLED
    const { missingAddress, hasSlot } = this.#settings
    if (missingAddress !== undefined) return { kind: missingAddress().kind, until: Number.POSITIVE_INFINITY }
    if (this.#checker?.state.kind === 'down') return DOWN
    return this.requests.obstacle(job) ?? (hasSlot(urgent) ? undefined : FULL)
  }

  triedInVainSince(time: number): boolean {
    return this.isDown && this.requests.lastVainTry > time
  }
}

/** These end by an event, and not by time. */
const DISABLED: Obstacle = { kind: 'disabled', until: Number.POSITIVE_INFINITY }
const DOWN: Obstacle = { kind: 'down', until: Number.POSITIVE_INFINITY }
const FULL: Obstacle = { kind: 'full', until: Number.POSITIVE_INFINITY }
