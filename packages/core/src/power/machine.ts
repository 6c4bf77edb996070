import { toError } from '../call-safely.ts'
import type { Clock } from '../clock.ts'
import { callHook, type Hook } from '../hook/call-hook.ts'
import type { Router, RouterStatus } from '../router/router.ts'
import { Use } from './use.ts'

/** What is done with a machine. Times are in milliseconds. */
export interface MachineSettings {
  readonly suspend?: (Hook & { readonly afterIdle: number }) | undefined
  readonly recycle?: RecycleSettings | undefined
  /** Whether it is probed only while a request wants it. */
  readonly isLazy: boolean
}

/** What is kept of a machine over restarts of the process. */
export interface MachineRecord {
  /** Jobs since its last restart. */
  readonly jobs: number
  /** Its last restart in Unix time, in milliseconds. */
  readonly restarted: number
}

export interface RecycleSettings extends Hook {
  readonly everyJobs?: number | undefined
  readonly everyHours?: number | undefined
  readonly ready: number
}

/** A recycle that is due waits so long for a moment without a request, in milliseconds. */
const IDLE_PATIENCE = 600_000
/** Time between two probes after a restart, in milliseconds. */
const PROBE_INTERVAL = 1_000
/** Passing probes in a row after which a restarted backend gets requests. */
const PASSES = 2

/** The machine of one backend. It is suspended or recycled, one at a time. */
export class Machine {
  settings: MachineSettings
  readonly #name: string
  readonly #router: Router
  readonly #clock: Clock
  readonly #use: Use
  #isBusy = false
  /** Suspended by this module; reset when it is used, woken or down. */
  #isSuspended = false
  readonly #ended = new AbortController()
  readonly #whenEnded = aborted(this.#ended.signal)
  /** The last restart, on the clock. */
  #recycled: number
  /** The same in Unix time. */
  #restarted: number
  /** Since when a recycle is due. */
  #due: number | undefined

  constructor(
    name: string,
    router: Router,
    clock: Clock,
    settings: MachineSettings,
    { jobs, restarted }: MachineRecord = { jobs: 0, restarted: Date.now() },
  ) {
    this.#name = name
    this.#router = router
    this.#clock = clock
    this.settings = settings
    this.#restarted = restarted
    this.#recycled = clock.now() - Math.max(0, Date.now() - restarted)
    this.#use = new Use(name, clock.now(), jobs)
  }

  get record(): MachineRecord {
    return { jobs: this.#use.jobs, restarted: this.#restarted }
  }

  /** Leaves the machine as it is. A backend that was drained gets requests again. */
  end(): void {
    this.#ended.abort()
  }

  /** A request had it woken. */
  woken(): void {
    this.#isSuspended = false
    this.#use.touch(this.#clock.now())
  }

  /** It answered a job. */
  answered(): void {
    this.#isSuspended = false
    this.#use.answered(this.#clock.now())
  }

  /** Does what is due. */
  look(status: RouterStatus, isExpected: (backend: string) => boolean): void {
    const state = this.#use.look(status, this.settings.isLazy)
    if (state === 'away') this.#isSuspended = false
    if (this.#isBusy || state === 'away') return
    const now = this.#clock.now()
    const { suspend, recycle } = this.settings
    if (recycle !== undefined && this.#isDue(recycle, state === 'idle', now))
      this.#run(() => this.#recycle(recycle))
    else if (suspend !== undefined && !this.#isSuspended && this.#use.idleFor(now) >= suspend.afterIdle) {
      if (!isExpected(this.#name)) this.#run(() => this.#suspend(suspend))
    }
  }

  #isDue(
    { everyJobs = Infinity, everyHours = Infinity }: RecycleSettings,
    isIdle: boolean,
    now: number,
  ): boolean {
    if (this.#use.jobs < everyJobs && now - this.#recycled < everyHours * 3_600_000) return false
    this.#due ??= now
    return isIdle || now - this.#due >= IDLE_PATIENCE
  }

  #run(action: () => Promise<void>): void {
    this.#isBusy = true
    action()
      .catch((error: unknown) => {
        // A reload removed the backend.
        if (!(error instanceof RangeError)) process.emitWarning(toError(error))
      })
      .finally(() => {
        this.#isBusy = false
      })
  }

  /** Requests are not kept away: one that comes now fails over, and wakes the machine. */
  async #suspend(hook: Hook): Promise<void> {
    const error = await failureOf(callHook(hook, this.#ended.signal))
    if (this.#ended.signal.aborted) return
    // After a failure, it is idle for as long again before the next try.
    if (error === undefined) this.#isSuspended = true
    else this.#use.touch(this.#clock.now())
    this.#router.report({ backend: this.#name, endpoint: undefined, kind: 'suspended', error })
  }

  async #recycle(settings: RecycleSettings): Promise<void> {
    const { signal } = this.#ended
    await Promise.race([this.#router.drain(this.#name, { restarts: true }), this.#whenEnded])
    let error: Error | undefined
    if (!signal.aborted) {
      // Counted before the call: if this process ends during it, the next one must not call again.
      this.#recycled = this.#clock.now()
      this.#restarted = Date.now()
      this.#due = undefined
      this.#use.restart(this.#recycled)
      error =
        (await failureOf(callHook(settings, signal))) ?? (await failureOf(this.#isReady(settings.ready)))
    }
    if (this.#router.status().state === 'closed') return
    this.#router.enable(this.#name)
    this.#use.touch(this.#clock.now())
    if (!signal.aborted)
      this.#router.report({ backend: this.#name, endpoint: undefined, kind: 'recycled', error })
  }

  /** @throws {Error} if it does not answer probes in time. */
  async #isReady(time: number): Promise<void> {
    const end = this.#clock.now() + time
    let passes = 0
    let reason: string | undefined
    const { signal } = this.#ended
    while (passes < PASSES && !signal.aborted) {
      if (this.#clock.now() >= end) throw new Error(`not ready after ${time / 1_000} s: ${reason}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      const cancel = this.#clock.after(PROBE_INTERVAL, resolve)
      await Promise.race([promise, this.#whenEnded])
      cancel()
      if (signal.aborted) return
      reason = await this.#router.probe(this.#name)
      passes = reason === undefined ? passes + 1 : 0
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

function failureOf(promise: Promise<unknown>): Promise<Error | undefined> {
  return promise.then(() => undefined, toError)
}
