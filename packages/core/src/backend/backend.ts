import { type Clock, systemClock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import { withoutCredentials } from '../credentials.ts'
import { formatEndpoint } from '../discover/endpoint.ts'
import type { BackendSettings, BackendTraits } from './backend-settings.ts'
import { BackendTarget } from './backend-target.ts'
import { type BackendView, idOf } from './backend-view.ts'
import { Demand } from './demand.ts'
import { restartOf } from './group-change.ts'
import { type Evidence, evidenceOf } from './health/evidence.ts'
import { Health } from './health/health.ts'
import type { HealthChange } from './health/health-view.ts'
import { type JobKeys, NO_KEYS } from './job-keys.ts'
import { LatencyTracker } from './latency/latency-tracker.ts'
import { ConcurrencyLimit } from './limit/concurrency-limit.ts'
import type { ModelProblem } from './model-problem.ts'
import type { Outcome } from './outcome.ts'

/** The right to send one request. */
export interface Slot {
  /** Whether this request finds out if an ejected backend has recovered. */
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

/** One ML server with its live state: a backend, or one endpoint of a backend whose name has several. */
export class Backend implements BackendView {
  readonly name: string
  readonly id: string
  readonly url: string
  readonly endpoint: string | undefined
  readonly health: Health
  readonly limit: ConcurrencyLimit
  readonly latency: LatencyTracker
  /** The requests that wait for it. */
  readonly demand: Demand
  /** What modules have found wrong with models on it. */
  problems: readonly ModelProblem[] = []
  /**
   * The jobs, `task/type/model`, whose models it loads before it gets requests for them, with the time on the clock when that
   * began.
   */
  readonly warming = new Map<string, number>()
  readonly #settings: BackendSettings
  readonly #clock: Clock
  readonly #target: BackendTarget
  #traits: BackendTraits

  constructor(name: string, settings: BackendSettings) {
    this.#settings = settings
    this.#traits = settings
    this.#clock = settings.clock ?? systemClock
    this.name = name
    this.url = withoutCredentials(settings.url)
    this.endpoint = settings.endpoint && formatEndpoint(settings.endpoint)
    this.id = idOf(this)
    this.#target = new BackendTarget(this.url, settings.endpoint, settings)
    this.limit = new ConcurrencyLimit(this.#clock, settings)
    this.latency = new LatencyTracker(this.#clock)
    this.health = new Health({
      clock: this.#clock,
      check: settings.check,
      enabled: settings.enabled ?? true,
      hasSlot: (urgent) => this.limit.hasSlot(urgent),
      missingAddress: settings.missingAddress,
      onChange: (change) => this.#changed(change),
      onRelief: () => this.#settings.onRelief?.(),
      onGone: () => this.#target.gone('gone'),
    })
    this.demand = new Demand({
      waker: settings.waker,
      isDown: () => this.health.isDown,
      onHurry: (isHurried) => this.health.checker.hurry(isHurried),
      onWanted: () => this.health.checker.want(),
    })
  }

  /** Applies new settings. Its state and its requests stay. */
  configure(traits: BackendTraits): void {
    this.#traits = traits
    this.#target.configure(traits)
    this.limit.configure(traits)
    this.health.checker.configure(traits.check)
  }

  get weight(): number {
    return this.#traits.weight
  }

  get tier(): number {
    return this.#traits.tier ?? defaults.tier
  }

  /** The tasks that its settings let it serve; `undefined` for all. */
  get tasks(): readonly string[] | undefined {
    return this.#traits.tasks
  }

  get inFlight(): number {
    return this.limit.inFlight
  }

  /** How requests are sent there, for `forward/` only. */
  get target(): BackendTarget {
    return this.#target
  }

  serves(tasks: readonly string[]): boolean {
    const { tasks: served, unclassified } = this.#traits
    if (served === undefined) return true
    return tasks.length === 0 ? unclassified === true : tasks.every((task) => served.includes(task))
  }

  /**
   * Takes a slot for a request.
   *
   * @param kind Its kind, by which latencies are kept.
   * @param urgent Whether it may have what is reserved.
   */
  reserve(job: JobKeys = NO_KEYS, kind = '', urgent = false): Slot {
    const request = this.limit.begin(this.latency.expected(kind) ?? 0, urgent)
    const { inFlight } = this
    const record = this.health.begin(job)
    let isHeld = true
    let undecided: { readonly blame: Evidence; readonly time: number } | undefined
    const release = (outcome?: Outcome) => {
      if (!isHeld) return
      isHeld = false
      const evidence = evidenceOf(outcome)
      // A client that is slow to upload does not make a backend slow.
      const starvedFor = (outcome?.kind === 'answered' ? outcome.starvedFor : undefined) ?? 0
      const time = Math.max(0, this.#clock.now() - request.began - starvedFor)
      const isGood = evidence.kind === 'good'
      this.limit.end(request, kind, isGood ? time : undefined, isAbandoned(outcome))
      this.health.end(record, evidence, this.demand.waiting > 0)
      // How many times as long it took as it would have without waiting inside.
      if (isGood) this.latency.observe(kind, time, Math.max(1, inFlight / this.limit.workers))
      else if (outcome?.kind === 'superseded') this.latency.observeAtLeast(kind, time)
      else if (evidence.kind === 'undecided') undecided = { blame: evidence.blame, time }
      else this.#observeFailure(evidence, job, kind, time)
      this.#settings.onRelief?.()
    }
    const decide = (isBlamed: boolean) => {
      if (undecided === undefined) return
      const { blame, time } = undecided
      undecided = undefined
      if (isBlamed) {
        this.health.learn(record, blame)
        this.#observeFailure(blame, job, kind, time)
      }
      this.#settings.onRelief?.()
    }
    return { trial: record.trial, release, decide }
  }

  /** An ejected backend gets no requests, so that a peak would stay until it is back: its peaks are forgotten. */
  #observeFailure(evidence: Evidence, job: JobKeys, kind: string, time: number): void {
    if (!('reason' in evidence)) return
    const obstacle = this.health.obstacle(job)?.kind
    if (obstacle === 'ejected' || obstacle === 'down') this.latency.forgetPeaks()
    else this.latency.observeFailure(kind, time)
  }

  #changed(change: HealthChange): void {
    const restart = restartOf(change, this.#clock.now())
    if (restart !== undefined) this.latency.cool(restart)
    this.#settings.onChange?.(change)
    this.demand.healthChanged()
    this.#settings.onRelief?.()
  }
}

/** Whether the backend had the request, and did not answer it. */
function isAbandoned(outcome: Outcome | undefined): boolean {
  return outcome?.reachedBackend === true && outcome.kind !== 'answered' && outcome.kind !== 'passed-over'
}
