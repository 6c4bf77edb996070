import type { RouterStatus } from '../router/router.ts'

/**
 * `away`: drained, unhealthy or removed. With lazy probes, an unhealthy backend is not away: it may have come back since, and is
 * paid for.
 */
export type UseState = 'in-use' | 'idle' | 'away'

/** What has been seen of the use of one backend. Times are on the router's clock, in milliseconds. */
export class Use {
  readonly #backend: string
  /** Last moment at which it had something to do, or could not be used. */
  #last: number
  #jobs = 0

  /** @param jobs Jobs before this process. */
  constructor(backend: string, now: number, jobs = 0) {
    this.#backend = backend
    this.#last = now
    this.#jobs = jobs
  }

  /** Jobs since the last {@link Use.restart}. */
  get jobs(): number {
    return this.#jobs
  }

  /** How long it has had nothing to do. */
  idleFor(now: number): number {
    return now - this.#last
  }

  /** It answered a job. */
  answered(now: number): void {
    this.#jobs++
    this.touch(now)
  }

  /** Counts the idle time from now. */
  touch(now: number): void {
    this.#last = now
  }

  /** Counts the jobs and the idle time from now. */
  restart(now: number): void {
    this.#jobs = 0
    this.touch(now)
  }

  look({ backends, now }: RouterStatus, isLazy: boolean): UseState {
    const own = backends.filter(({ name }) => name === this.#backend)
    const isThere = own.some(
      ({ health: { enabled, probe } }) => enabled && (isLazy || probe?.kind !== 'down'),
    )
    const isInUse = own.some(({ inFlight, waiting }) => inFlight + waiting.full + waiting.unavailable > 0)
    const state = !isThere ? 'away' : isInUse ? 'in-use' : 'idle'
    if (state !== 'idle') this.touch(now)
    return state
  }
}
