import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../clock.ts'
import { defaults } from '../../config/defaults.ts'

/** How a backend is asked whether it is there. Times are in milliseconds. */
export interface CheckOptions {
  /** `lazy`: only while requests want it. Default: `always`. */
  readonly mode?: 'always' | 'lazy'
  /** Path below the base URL. */
  readonly path: string
  readonly interval: number
  readonly timeout: number
  /** Answers in a row after which one that was down is up. */
  readonly rise: number
  /** Failures in a row after which it is down. */
  readonly fall: number
}

/** What the probes say. Times are on the clock, in milliseconds; failures and successes are those in a row, up to now. */
export type ProbeState =
  /** None has been answered yet; it counts as up. */
  | { readonly kind: 'unknown'; readonly failures: number }
  | { readonly kind: 'up'; readonly since: number; readonly failures: number }
  | { readonly kind: 'down'; readonly since: number; readonly reason: string; readonly successes: number }

/** How far a probe has come; it is written while it runs. */
export interface ProbeProgress {
  /** Whether it has, or had, a connection; `undefined` as long as that is not known. */
  connected?: boolean
}

/** Asks once. @returns Why it is not well; `undefined` when it is. */
export type Probe = (
  options: CheckOptions,
  signal: AbortSignal,
  progress: ProbeProgress,
) => Promise<string | undefined>

/** Told what the probes find. */
export interface CheckListener {
  /** Told of every change of kind. */
  onChange?(from: ProbeState, to: ProbeState): void
  /**
   * It is down, and a probe could not even connect: what it was working on is lost.
   *
   * @param began When the probe did, on the clock.
   */
  onGone?(began: number): void
  /** A probe has been answered well. */
  onAnswered?(): void
}

/** Active health: probes one backend, more often when in doubt and while a request waits for it. Without options it sends none. */
export class Checker {
  readonly #clock: Clock
  #options: CheckOptions | undefined
  readonly #listener: CheckListener
  readonly #random: () => number
  #state: ProbeState = { kind: 'unknown', failures: 0 }
  #probe: Probe | undefined
  #running: AbortController | undefined
  #cancel: (() => void) | undefined
  /** Start of the last probe. */
  #began = Number.NEGATIVE_INFINITY
  #isHurried = false
  /** Told of the result of the next probe that ends. */
  #askers: ((reason: string | undefined) => void)[] = []

  /**
   * @param random From 0 to 1, for the jitter: probes of many must not come at once.
   */
  constructor(
    clock: Clock,
    options: CheckOptions | undefined,
    listener: CheckListener = {},
    random: () => number = Math.random,
  ) {
    this.#clock = clock
    this.#options = options
    this.#listener = listener
    this.#random = random
  }

  /** `undefined` where no probes are sent. */
  get state(): ProbeState | undefined {
    return this.#options === undefined ? undefined : this.#state
  }

  /** Whether a request waits for the backend. */
  get isHurried(): boolean {
    return this.#isHurried
  }

  /** Starts to probe: now and until `stop()`, or when a request wants the backend if `mode` is `lazy`. */
  start(probe: Probe): void {
    if (this.#probe !== undefined) return
    this.#probe = probe
    if (!this.#isLazy) this.#ask()
  }

  get #isLazy(): boolean {
    return this.#options?.mode === 'lazy'
  }

  /** Asks in another way, at once if it has begun to ask. What is known stays as long as it asks. */
  configure(options: CheckOptions | undefined): void {
    if (isDeepStrictEqual(options, this.#options)) return
    this.#options = options
    if (options === undefined) this.#state = { kind: 'unknown', failures: 0 }
    const running = this.#running
    this.#running = undefined
    running?.abort()
    this.#askNow()
  }

  stop(): void {
    this.#probe = undefined
    this.#tellAskers(undefined)
    this.#cancel?.()
    this.#running?.abort()
  }

  /** Whether a request waits for the backend. */
  hurry(isHurried: boolean): void {
    this.#isHurried = isHurried
    if (isHurried) this.#askNow()
  }

  /** A request would use the backend if it were healthy, or failed there: a lazy checker probes now, at most once in an interval. */
  want(): void {
    const since = this.#clock.now() - this.#began
    if (this.#isLazy && since >= (this.#options?.interval ?? 0)) this.#askNow()
  }

  /** A request could not reach it: asks now rather than later. */
  doubt(): void {
    if (this.#state.kind !== 'down') this.#askNow()
  }

  /** Probes now. @returns Why the backend is not healthy; `undefined` when it is, or where no probes are sent. */
  probeNow(): Promise<string | undefined> {
    if (this.#probe === undefined || this.#options === undefined) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#askers.push(resolve)
      this.#askNow()
    })
  }

  #tellAskers(reason: string | undefined): void {
    for (const tell of this.#askers.splice(0)) tell(reason)
  }

  #askNow(): void {
    if (this.#probe === undefined || this.#running !== undefined) return
    this.#cancel?.()
    this.#ask()
  }

  /** A request has been answered, which proves more than a probe. */
  succeed(): void {
    const state = this.#state
    if (state.kind !== 'up' || state.failures > 0) this.#rise()
  }

  #ask(): void {
    const [probe, options] = [this.#probe, this.#options]
    if (probe === undefined || options === undefined) return
    const running = new AbortController()
    this.#running = running
    const progress: ProbeProgress = {}
    const began = this.#clock.now()
    this.#began = began
    const done = (reason: string | undefined) => {
      if (this.#running !== running) return
      this.#running = undefined
      cancel()
      this.#tellAskers(reason)
      if (this.#probe === undefined) return
      this.#note(reason, options)
      if (reason === undefined) this.#listener.onAnswered?.()
      if (this.#state.kind === 'down' && progress.connected === false) this.#listener.onGone?.(began)
      if (this.#goesOn) this.#cancel = this.#clock.after(this.#pause(options), () => this.#ask())
    }
    const cancel = this.#clock.after(options.timeout, () => {
      done('timeout')
      running.abort()
    })
    running.signal.addEventListener('abort', cancel)
    probe(options, running.signal, progress).then(done, (error) => done(String(error)))
  }

  /** A lazy checker goes on while a request waits, or until a change of state is confirmed. */
  get #goesOn(): boolean {
    const state = this.#state
    const inDoubt = state.kind === 'down' ? state.successes > 0 : state.failures > 0
    return !this.#isLazy || this.#isHurried || inDoubt
  }

  #note(reason: string | undefined, { rise, fall }: CheckOptions): void {
    const state = this.#state
    if (reason === undefined) {
      const successes = state.kind === 'down' ? state.successes + 1 : 0
      if (state.kind === 'down' && successes < rise) this.#state = { ...state, successes }
      else this.#rise()
    } else if (state.kind === 'down') {
      this.#state = { ...state, reason, successes: 0 }
    } else {
      const failures = state.failures + 1
      if (failures < fall) this.#state = { ...state, failures }
      else this.#become({ kind: 'down', since: this.#clock.now(), reason, successes: 0 })
    }
  }

  #rise(): void {
    const since = this.#state.kind === 'up' ? this.#state.since : this.#clock.now()
    this.#become({ kind: 'up', since, failures: 0 })
  }

  #pause({ interval }: CheckOptions): number {
    const state = this.#state
    const jittered = interval * (1 + defaults.probeJitter * (2 * this.#random() - 1))
    if (state.kind === 'down') {
      // Most outages are a restart.
      const isRecent = this.#clock.now() - state.since < defaults.returnWindow
      if (isRecent || state.successes > 0) return Math.min(jittered, defaults.returnInterval)
    } else if (state.failures > 0) return Math.min(jittered, defaults.recheckInterval)
    return this.#isHurried ? Math.min(jittered, defaults.waitingProbeInterval) : jittered
  }

  #become(state: ProbeState): void {
    const before = this.#state
    this.#state = state
    if (before.kind !== state.kind) this.#listener.onChange?.(before, state)
  }
}
