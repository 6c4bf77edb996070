import { Canary } from '../../canary/canary.ts'
import type { Clock } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'
import type { JobKeys } from '../job-keys.ts'
import { Breaker, type Pass, UNCOUNTED } from './breaker.ts'
import { Capabilities, nameOfEntries } from './capabilities.ts'
import { Checker, type CheckOptions } from './checker.ts'
import type { Evidence } from './evidence.ts'
import type {
  BackendHealth,
  HealthChange,
  HealthView,
  LastError,
  MissingAddress,
  Obstacle,
} from './health-view.ts'

export interface HealthSettings {
  readonly clock: Clock
  readonly check: CheckOptions | undefined
  readonly enabled: boolean
  /** Whether one more request fits. */
  readonly hasSlot: (urgent: boolean) => boolean
  /** Why its name has no address, and whether that is known for sure; `undefined` when it has one. */
  readonly missingAddress?: (() => MissingAddress | undefined) | undefined
  readonly onChange: (change: HealthChange) => void
  /** It may be able to take a request that it could not take before. */
  readonly onRelief: () => void
  /** It takes no connections: what it was working on is lost. */
  readonly onGone: () => void
}

/** A request that is running on the backend. */
export interface RequestRecord {
  readonly job: JobKeys
  /** That of the backend as a whole, and those of its types that fail there. */
  readonly passes: readonly [Pass, ...Pass[]]
  /** Whether it finds out if an ejection is over. */
  readonly trial: boolean
  /** On the clock. */
  readonly began: number
}

/**
 * Whether a backend can be used, by its probes and by the outcomes of requests: a backend that cannot be reached or answers
 * nothing of use is ejected as a whole, one that fails at `ocr/detection` goes on serving CLIP. Only a good answer is evidence
 * of health.
 */
export class Health implements HealthView {
  readonly #settings: HealthSettings
  readonly #clock: Clock
  /** Its probes. */
  readonly checker: Checker
  /** Asks it whether it works. */
  readonly canary: Canary
  /** What it can do, by its answers. */
  readonly capabilities: Capabilities
  readonly #reachable: Breaker
  /** By task and type, or by entries. Only failed ones: names come from clients and must not fill the memory. */
  readonly #types = new Map<string, Breaker>()
  #enabled: boolean
  #restarts = false
  #busyUntil = 0
  #lastError: LastError | undefined
  /** Whether the last failure as a whole was that it could not be reached. */
  #isAway = false
  /** When the last request or probe began that could not reach it, on the clock. */
  #lastVainTry = Number.NEGATIVE_INFINITY
  #failures = 0
  #ejections = 0

  constructor(settings: HealthSettings) {
    this.#settings = settings
    this.#clock = settings.clock
    this.#enabled = settings.enabled
    this.capabilities = new Capabilities(settings.clock)
    this.canary = new Canary(settings.clock)
    this.#reachable = this.#breaker(undefined)
    this.checker = new Checker(settings.clock, settings.check, {
      onChange: (from, to) => {
        // After a pause it has to load its models again.
        if (from.kind === 'down') this.#reachable.startSlowly()
        settings.onChange({ kind: 'probe', from, to })
      },
      onAnswered: () => {
        // Where it was ejected because it could not be reached, a request may try it now.
        if (this.#isAway && this.#reachable.tryNow()) settings.onRelief()
      },
      onGone: (began) => {
        this.#lastVainTry = Math.max(this.#lastVainTry, began)
        settings.onGone()
        settings.onRelief()
      },
    })
  }

  get status(): BackendHealth {
    return {
      enabled: this.#enabled,
      probe: this.checker.state,
      reachable: this.#reachable.state,
      tasks: Object.fromEntries([...this.#types.values()].map(({ task, state }) => [task, state])),
      lacks: this.capabilities.lacks,
      sizeLimit: this.capabilities.sizeLimit,
      busyUntil: this.#busyUntil,
      lastError: this.#lastError,
      failures: this.#failures,
      ejections: this.#ejections,
    }
  }

  get failures(): number {
    return this.#failures
  }

  get unresolved(): string | undefined {
    return this.#settings.missingAddress?.()?.words
  }

  get isDown(): boolean {
    if (this.unresolved !== undefined || this.checker.state?.kind === 'down') return true
    const { kind } = this.#reachable.state
    return this.#isAway && (kind === 'open' || kind === 'trial')
  }

  /**
   * A drained backend gets no requests. Enabling it forgets what it has refused, such as a model that it lacked.
   *
   * @param restarts Whether it is drained for a restart, and enabled after it.
   */
  enable(enabled: boolean, restarts = false): void {
    const { onChange, onRelief } = this.#settings
    this.#restarts = restarts
    if (enabled) this.capabilities.forget()
    if (this.#enabled !== enabled) {
      this.#enabled = enabled
      onChange({ kind: 'enabled', enabled })
    }
    if (enabled) onRelief()
  }

  obstacle(job: JobKeys, urgent = true): Obstacle | undefined {
    if (!this.#enabled) return this.#restarts ? RESTARTING : DISABLED
    const { missingAddress, hasSlot } = this.#settings
    const missing = missingAddress?.()
    if (missing !== undefined) return { kind: missing.kind, until: Number.POSITIVE_INFINITY }
    if (this.checker.state?.kind === 'down') return DOWN
    if (this.#isWell) return hasSlot(urgent) ? undefined : FULL
    const obstacle = this.#obstacleOf(job)
    if (obstacle !== undefined) return obstacle
    if (!hasSlot(urgent)) return FULL
    // It gets one request at a time, and no slow upload may keep that slot from the others.
    return job.isReady?.() === false && this.isRare(job) ? RECOVERING : undefined
  }

  /** Nothing is known against it, as is nearly always the case. */
  get #isWell(): boolean {
    return (
      this.#types.size === 0 &&
      this.capabilities.isFull &&
      this.#busyUntil === 0 &&
      this.#reachable.state.kind === 'closed'
    )
  }

  #obstacleOf(job: JobKeys): Obstacle | undefined {
    const now = this.#clock.now()
    const lackingUntil = this.capabilities.lackingUntil(job)
    if (now < lackingUntil) return { kind: 'lacks', until: lackingUntil }
    const breakers = this.#breakersOf(job)
    if (breakers.some(({ state, available }) => !available && state.kind !== 'recovering'))
      return { kind: 'ejected', until: Math.max(...breakers.map(({ availableAt }) => availableAt)) }
    if (now < this.#busyUntil) return { kind: 'busy', until: this.#busyUntil }
    return breakers.some(({ available }) => !available) ? RECOVERING : undefined
  }

  isRare(job: JobKeys): boolean {
    return this.#breakersOf(job).some(({ state }) => state.kind !== 'closed')
  }

  wellFor(time: number): boolean {
    const now = this.#clock.now()
    return now >= this.#busyUntil && (this.#lastError === undefined || now - this.#lastError.time >= time)
  }

  triedInVainSince(time: number): boolean {
    return this.isDown && this.#lastVainTry > time
  }

  begin(job: JobKeys): RequestRecord {
    const whole = this.#reachable.begin()
    const began = this.#clock.now()
    if (this.#types.size === 0) return { job, passes: [whole], trial: whole.trial, began }
    const types = keysOf(job).flatMap((key) => this.#types.get(key)?.begin() ?? [])
    return { job, passes: [whole, ...types], trial: [whole, ...types].some(({ trial }) => trial), began }
  }

  /**
   * The request is over.
   *
   * @param crowded Whether requests wait for the backend.
   */
  end(request: RequestRecord, evidence: Evidence, crowded = false): void {
    for (const { breaker } of request.passes) breaker.end()
    if (evidence.kind === 'good' || evidence.kind === 'works') this.#works(request, crowded)
    else this.learn(request, evidence)
    if (evidence.kind === 'good') this.capabilities.served(request.job)
    if (request.trial) this.#endTrials(request, evidence)
  }

  #works({ job, passes: [whole, ...passes] }: RequestRecord, crowded: boolean): void {
    if (!whole.breaker.isClear) whole.breaker.succeed(whole, crowded)
    if (this.#types.size > 0)
      for (const key of keysOf(job)) {
        const breaker = this.#types.get(key)
        if (breaker === undefined) continue
        breaker.succeed(passOf(passes, breaker), crowded)
        if (breaker.state.kind === 'closed') this.#types.delete(key)
      }
    if (this.checker.state !== undefined) this.checker.succeed()
  }

  /**
   * No trial outlasts its request. A type whose trial is undecided is ejected again: its next trial must not wait for a second
   * opinion, which may be hours away.
   */
  #endTrials({ passes }: RequestRecord, evidence: Evidence): void {
    for (const pass of passes) {
      if (!pass.trial) continue
      if (evidence.kind === 'undecided' && 'reason' in evidence.blame && pass.breaker !== this.#reachable)
        pass.breaker.fail(evidence.blame.reason, pass)
      pass.breaker.abandon()
    }
  }

  /** Takes in how a request failed, at once or after a second opinion. */
  learn({ job, passes, began }: RequestRecord, evidence: Evidence): void {
    if ('reason' in evidence) {
      this.#failures++
      this.#lastError = { time: this.#clock.now(), reason: evidence.reason }
    }
    switch (evidence.kind) {
      case 'unreachable':
        this.#lastVainTry = Math.max(this.#lastVainTry, began)
        this.#failWhole(evidence.reason, passes, true)
        this.checker.doubt()
        break
      case 'failed':
        // A proxy may answer for a machine that is off.
        this.checker.want()
        if (evidence.scope === 'backend') this.#failWhole(evidence.reason, passes, false, evidence.certain)
        else
          for (const [key, name] of failingKeys(job, evidence.scope)) {
            const breaker = this.#types.get(key) ?? this.#newTypeBreaker(key, name)
            breaker?.fail(evidence.reason, passOf(passes, breaker), evidence.certain)
          }
        break
      case 'lacks':
        this.#reportLack(this.capabilities.refused(job, evidence.what))
        break
      case 'too-large':
        this.#reportLack(this.capabilities.refusedSize(job.size()))
        break
      case 'busy':
        this.#busyUntil = this.#clock.now() + evidence.time
        this.#settings.onChange({ kind: 'busy', until: this.#busyUntil })
    }
  }

  #reportLack(learned: { readonly name: string; readonly until: number } | undefined): void {
    if (learned !== undefined)
      this.#settings.onChange({ kind: 'lacks', task: learned.name, until: learned.until })
  }

  #failWhole(
    reason: string,
    [whole, ...types]: RequestRecord['passes'],
    isAway: boolean,
    certain = false,
  ): void {
    this.#isAway = isAway
    this.#reachable.fail(reason, whole, certain)
    // A type that was to be tried has failed its trial, whatever kept the request from it.
    for (const pass of types) if (pass.trial) pass.breaker.fail(reason, pass)
  }

  #breakersOf(job: JobKeys): readonly Breaker[] {
    if (this.#types.size === 0) return [this.#reachable]
    return [this.#reachable, ...keysOf(job).flatMap((key) => this.#types.get(key) ?? [])]
  }

  #newTypeBreaker(key: string, name: string): Breaker | undefined {
    if (this.#types.size >= defaults.mostTasks) return undefined
    const breaker = this.#breaker(name)
    this.#types.set(key, breaker)
    return breaker
  }

  #breaker(task: string | undefined): Breaker {
    return new Breaker(this.#clock, {
      task,
      onChange: (from, to) => {
        if (to.kind === 'open') this.#ejections++
        this.#settings.onChange({ kind: 'breaker', task, from, to })
      },
      isHurried: () => this.checker.isHurried,
    })
  }
}

/** The keys of the breakers that a job may have: its types and its entries. */
function keysOf({ types, exact }: JobKeys): readonly string[] {
  return [...types, exact()]
}

/** The keys of the breakers of a job that fails, and how people name them. */
function failingKeys(
  { types, exact }: JobKeys,
  scope: 'type' | 'entries',
): readonly (readonly [key: string, name: string])[] {
  if (scope === 'entries') return [[exact(), nameOfEntries(types)]]
  return types.map((type) => [type, type])
}

/** The request's pass of a breaker, which may be newer than the request. */
function passOf(passes: readonly Pass[], breaker: Breaker): Pick<Pass, 'trial' | 'epoch'> {
  return passes.find((pass) => pass.breaker === breaker) ?? UNCOUNTED
}

// These end by an event, and not by time.
const DISABLED: Obstacle = { kind: 'disabled', until: Number.POSITIVE_INFINITY }
const RESTARTING: Obstacle = { ...DISABLED, restarts: true }
const DOWN: Obstacle = { kind: 'down', until: Number.POSITIVE_INFINITY }
const FULL: Obstacle = { kind: 'full', until: Number.POSITIVE_INFINITY }
const RECOVERING: Obstacle = { kind: 'recovering', until: Number.POSITIVE_INFINITY }
