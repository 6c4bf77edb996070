import type { Clock } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'
import { shortenList } from '../../shorten.ts'
import type { JobKeys } from '../job-keys.ts'
import type { Outcome } from '../outcome.ts'
import { Breaker, type BreakerState, type Pass, UNCOUNTED } from './breaker.ts'
import { Capabilities, WITH_OPTIONS } from './capabilities.ts'
import { blameOf, type Evidence, evidenceOf } from './evidence.ts'
import type { Obstacle } from './obstacle.ts'

/** What the outcomes of requests say about a backend. Times are on the clock, in milliseconds. */
export interface PassiveHealth {
  /** Of the backend as a whole: whether it can be reached, and answers as an ML server does. */
  readonly reachable: BreakerState
  /** Of the tasks and types that fail there, such as `clip/visual`; one that is not named is healthy. */
  readonly tasks: Readonly<Record<string, BreakerState>>
  /** Tasks, types and models that it has said it does not have, such as `ocr/detection`, and until when that is believed. */
  readonly lacks: Readonly<Record<string, number>>
  /** Bytes of a body that a proxy in front of it has refused as too large; `undefined` when none was. */
  readonly sizeLimit: number | undefined
  /** Until when it has asked to be left alone; 0 when it has not. */
  readonly busyUntil: number
  readonly lastError: LastError | undefined
  /** Requests that have failed there, of all time. */
  readonly failures: number
  /** How often it, or a task on it, was ejected, of all time. */
  readonly ejections: number
}

/** The last failure of a request there. */
export interface LastError {
  readonly time: number
  readonly reason: string
}

/** What has changed about a backend as its requests see it. */
export type PassiveChange =
  | {
      /** It, or a task and type on it, was ejected, is tried again, recovers, or is back. */
      readonly kind: 'breaker'
      /** Such as `clip/visual`; `undefined` when it is the backend as a whole. */
      readonly task: string | undefined
      readonly from: BreakerState
      readonly to: BreakerState
    }
  | {
      /** It has refused a task and type, a model, or a size: `ocr/detection`, `clip/textual/ViT-B-32__openai`, `bodies of …`. */
      readonly kind: 'lacks'
      readonly task: string
      readonly until: number
    }
  | {
      /** It has asked to be left alone. */
      readonly kind: 'busy'
      readonly until: number
    }

/** A request that is running on the backend. */
export interface RequestRecord {
  readonly job: JobKeys
  readonly passes: readonly Pass[]
  /** On the clock. */
  readonly began: number
}

/**
 * Passive health, from the outcomes of requests: a backend that cannot be reached or answers nothing of use is ejected as a
 * whole, one that fails at `ocr/detection` goes on serving CLIP. Only a good answer is evidence of health.
 */
export class RequestHealth {
  readonly #clock: Clock
  readonly #onChange: (change: PassiveChange) => void
  readonly #reachable: Breaker
  /** By task and type, or by entries. Only failed ones: names come from clients and must not fill the memory. */
  readonly #types = new Map<string, Breaker>()
  /** What it can do, by its answers. */
  readonly capabilities: Capabilities
  #busyUntil = 0
  #lastError: LastError | undefined
  /** Whether the last failure as a whole was that it could not be reached. */
  #isAway = false
  #lastVainTry = Number.NEGATIVE_INFINITY
  #failures = 0
  #ejections = 0
  readonly #isHurried: () => boolean

  /** @param isHurried Whether requests wait for it to be available: while they do, trials come sooner. */
  constructor(
    clock: Clock,
    onChange: (change: PassiveChange) => void = () => {},
    isHurried: () => boolean = () => false,
  ) {
    this.#clock = clock
    this.#isHurried = isHurried
    this.#onChange = onChange
    this.capabilities = new Capabilities(clock)
    this.#reachable = this.#breaker(undefined)
  }

  get status(): PassiveHealth {
    return {
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

  /** Requests that have failed there, of all time. */
  get failures(): number {
    return this.#failures
  }

  /** Why no such request can be sent now. */
  obstacle(job: JobKeys): Obstacle | undefined {
    if (this.#isWell) return undefined
    const now = this.#clock.now()
    const lackingUntil = this.capabilities.lackingUntil(job)
    if (now < lackingUntil) return { kind: 'lacks', until: lackingUntil }
    const breakers = this.#breakers(job)
    if (breakers.some(({ state, available }) => !available && state.kind !== 'recovering'))
      return { kind: 'ejected', until: Math.max(...breakers.map(({ availableAt }) => availableAt)) }
    if (now < this.#busyUntil) return { kind: 'busy', until: this.#busyUntil }
    if (breakers.some(({ available }) => !available))
      return { kind: 'recovering', until: Number.POSITIVE_INFINITY }
    return undefined
  }

  /** Whether a breaker for such a request lets through one at a time. */
  isRare(job: JobKeys): boolean {
    return !this.#isWell && this.#breakers(job).some(({ state }) => state.kind !== 'closed')
  }

  /** Whether it cannot be reached, as far as requests have seen. */
  get unreachable(): boolean {
    const { kind } = this.#reachable.state
    return this.#isAway && (kind === 'open' || kind === 'trial')
  }

  /** When the last of those began that could not reach it, on the clock. */
  get lastVainTry(): number {
    return this.#lastVainTry
  }

  /** Something that began at this time, on the clock, could not reach it. */
  triedInVain(began: number): void {
    this.#lastVainTry = Math.max(this.#lastVainTry, began)
  }

  /** Whether no request has failed there for so long, in milliseconds, and it has not asked to be left alone. */
  wellFor(time: number): boolean {
    const now = this.#clock.now()
    return now >= this.#busyUntil && (this.#lastError === undefined || now - this.#lastError.time >= time)
  }

  begin(job: JobKeys): RequestRecord {
    const passes = this.#breakers(job).map((breaker) => breaker.begin())
    return { job, passes, began: this.#clock.now() }
  }

  /**
   * The request is over. An undecided outcome says nothing yet: {@link RequestHealth.decide} is to follow.
   *
   * @param crowded Whether requests wait for the backend.
   * @returns What the outcome was taken to say.
   */
  record(request: RequestRecord, outcome: Outcome | undefined, crowded = false): Evidence {
    for (const { breaker } of request.passes) breaker.end()
    const evidence = evidenceOf(outcome)
    this.#heed(request, evidence, crowded)
    this.#endTrials(request, blameOf(outcome))
    return evidence
  }

  /**
   * No trial outlasts its request. A type whose trial is undecided is ejected again: its next trial must not wait for a second
   * opinion, which may be hours away.
   */
  #endTrials({ passes }: RequestRecord, blame: Evidence): void {
    for (const pass of passes) {
      if (!pass.trial) continue
      if ('reason' in blame && pass.breaker !== this.#reachable) pass.breaker.fail(blame.reason, pass)
      pass.breaker.abandon()
    }
  }

  /**
   * A second opinion has decided about an undecided outcome.
   *
   * @param isBlamed Whether the backend is at fault, and not the job.
   * @returns What the outcome is taken to say now.
   */
  decide(request: RequestRecord, outcome: Outcome | undefined, isBlamed: boolean): Evidence {
    const evidence: Evidence = isBlamed ? blameOf(outcome) : { kind: 'nothing' }
    this.#heed(request, evidence, false)
    return evidence
  }

  #heed({ job, passes, began }: RequestRecord, evidence: Evidence, crowded: boolean): void {
    const passOf = (breaker: Breaker) => passes.find((pass) => pass.breaker === breaker) ?? UNCOUNTED
    if ('reason' in evidence) {
      this.#failures++
      this.#lastError = { time: this.#clock.now(), reason: evidence.reason }
    }
    switch (evidence.kind) {
      case 'good':
      case 'works':
        this.#reachable.succeed(passOf(this.#reachable), crowded)
        for (const key of this.#keysOf(job)) this.#typeSucceeded(key, passOf, crowded)
        if (evidence.kind === 'good') this.capabilities.served(job)
        break
      case 'unreachable':
        this.triedInVain(began)
        this.#failWhole(evidence.reason, passes, true)
        break
      case 'failed':
        if (evidence.scope === 'backend') this.#failWhole(evidence.reason, passes, false, evidence.certain)
        else
          for (const [key, name] of failingKeys(job, evidence.scope)) {
            const breaker = this.#breakerOf(key, name)
            breaker?.fail(evidence.reason, passOf(breaker), evidence.certain)
          }
        break
      case 'lacks':
        this.#tellLack(this.capabilities.refused(job, evidence.what))
        break
      case 'too-large':
        this.#tellLack(this.capabilities.refusedSize(job.size()))
        break
      case 'busy':
        this.#busyUntil = this.#clock.now() + evidence.time
        this.#onChange({ kind: 'busy', until: this.#busyUntil })
    }
  }

  #tellLack(learned: { readonly name: string; readonly until: number } | undefined): void {
    if (learned !== undefined) this.#onChange({ kind: 'lacks', task: learned.name, until: learned.until })
  }

  #failWhole(reason: string, passes: readonly Pass[], isAway: boolean, certain = false): void {
    this.#isAway = isAway
    const pass = passes.find(({ breaker }) => breaker === this.#reachable) ?? UNCOUNTED
    this.#reachable.fail(reason, pass, certain)
    // A type that was to be tried has failed its trial, whatever kept the request from it.
    for (const other of passes)
      if (other.trial && other.breaker !== this.#reachable) other.breaker.fail(reason, other)
  }

  /**
   * A probe has reached it. Where it was ejected since it could not be reached, a request may try it now; the ejection itself
   * lasts until one succeeds.
   *
   * @returns Whether that changes anything.
   */
  isReached(): boolean {
    return this.#isAway && this.#reachable.tryNow()
  }

  /** It was away and can be reached again. */
  startSlowly(): void {
    this.#reachable.startSlowly()
  }

  #typeSucceeded(type: string, passOf: (breaker: Breaker) => Pick<Pass, 'epoch'>, crowded: boolean): void {
    const breaker = this.#types.get(type)
    if (breaker === undefined) return
    breaker.succeed(passOf(breaker), crowded)
    if (breaker.state.kind === 'closed') this.#types.delete(type)
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

  #breakers(job: JobKeys): Breaker[] {
    const breakers = [this.#reachable]
    if (this.#types.size === 0) return breakers
    for (const key of this.#keysOf(job)) {
      const breaker = this.#types.get(key)
      if (breaker !== undefined) breakers.push(breaker)
    }
    return breakers
  }

  /** The keys of the breakers that a job may have: its types and, where there are any, its entries. */
  #keysOf({ types, exact }: JobKeys): readonly string[] {
    return this.#types.size === 0 ? types : [...types, exact()]
  }

  #breakerOf(key: string, name: string): Breaker | undefined {
    const known = this.#types.get(key)
    if (known !== undefined || this.#types.size >= defaults.mostTasks) return known
    const made = this.#breaker(name)
    this.#types.set(key, made)
    return made
  }

  #breaker(task: string | undefined): Breaker {
    return new Breaker(this.#clock, {
      task,
      onChange: (from, to) => {
        if (to.kind === 'open') this.#ejections++
        this.#onChange({ kind: 'breaker', task, from, to })
      },
      isHurried: this.#isHurried,
    })
  }
}

/** The keys of the breakers of a job that fails, and how people name them. */
function failingKeys(
  { types, exact }: JobKeys,
  scope: 'type' | 'entries',
): readonly (readonly [key: string, name: string])[] {
  // Options may be long, and hold anything.
  if (scope === 'entries') return [[exact(), `${shortenList(types, '+')}${WITH_OPTIONS}`]]
  return types.map((type) => [type, type])
}
