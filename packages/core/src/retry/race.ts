import type { Outcome } from '../backend/outcome.ts'
import type { Clock } from '../clock.ts'
import type { Lease } from '../routing/lease.ts'
import type { Budget } from './budget.ts'

/** One copy of a request, on one backend. */
export interface Copy {
  readonly lease: Lease
  /** Whether it was sent since another was late. */
  readonly hedge: boolean
  /** Aborted when another is answered first. */
  readonly superseded: AbortSignal | undefined
  /** To be called at the moment when its answer begins to go to the client. */
  readonly onCommit: () => void
}

export interface RaceOptions {
  readonly clock: Clock
  /** Keeps further copies within bounds. */
  readonly budget: Budget
  /** Ids of the backends that have had the request before: none of them gets a further copy. */
  readonly tried: readonly string[]
  /** Whether the request can be sent once more, at the same time. */
  readonly canBeCopied: () => boolean
  /** Makes one attempt. Only a good answer commits. */
  readonly attempt: (copy: Copy) => Promise<Outcome>
}

/** The end of a race: every copy is over, and every lease released but that of the last. */
export interface Finish {
  readonly lease: Lease
  readonly outcome: Outcome
  /** Copies that were sent. */
  readonly copies: number
}

interface Runner {
  readonly lease: Lease
  readonly abort: AbortController | undefined
}

/**
 * One attempt and, when it is late, copies of it on other backends at the same time. The first that commits wins, and the
 * others are aborted; one that fails while another is under way ends nothing.
 */
export class Race {
  readonly #options: RaceOptions
  readonly #running = new Set<Runner>()
  /** Ids of the backends that have a copy, or have had one. */
  readonly #used: string[] = []
  readonly #finish = Promise.withResolvers<Finish>()
  #stopWaiting: (() => void) | undefined

  constructor(options: RaceOptions) {
    this.#options = options
  }

  /** @returns when every copy is over. When an attempt rejects, it does too, and every lease is released. */
  run(first: Lease): Promise<Finish> {
    const late = first.hedges > 0 ? first.lateAfter() : undefined
    this.#send(first)
    if (late !== undefined) this.#hedgeAfter(late, first, first.hedges)
    return this.#finish.promise
  }

  /** Sends a further copy, where that can be, each time when so many milliseconds have passed. */
  #hedgeAfter(late: number, first: Lease, times: number): void {
    this.#stopWaiting = this.#options.clock.after(late, () => {
      this.#hedge(first)
      if (times > 1) this.#hedgeAfter(late, first, times - 1)
    })
  }

  #hedge(first: Lease): void {
    const { budget, tried, canBeCopied } = this.#options
    if (!canBeCopied() || !budget.allows) return
    const lease = first.spare([...tried, ...this.#used])
    if (lease === undefined) return
    budget.take()
    this.#send(lease)
  }

  #send(lease: Lease): void {
    const abort = lease.hedges > 0 ? new AbortController() : undefined
    const runner: Runner = { lease, abort }
    const hedge = this.#used.length > 0
    this.#running.add(runner)
    this.#used.push(lease.backend.id)
    const copy: Copy = {
      lease,
      hedge,
      superseded: abort?.signal,
      onCommit: () => this.#supersede(runner),
    }
    this.#options.attempt(copy).then(
      (outcome) => this.#ended(runner, outcome),
      (error: unknown) => this.#failed(error),
    )
  }

  /** One has won: the others are aborted, and no further one is sent. */
  #supersede(winner: Runner): void {
    this.#stopWaiting?.()
    for (const runner of this.#running) if (runner !== winner) runner.abort?.abort()
  }

  #ended(runner: Runner, outcome: Outcome): void {
    this.#running.delete(runner)
    if (this.#running.size > 0) {
      runner.lease.release(outcome)
      return
    }
    this.#stopWaiting?.()
    this.#finish.resolve({ lease: runner.lease, outcome, copies: this.#used.length })
  }

  /** A mistake in the code. */
  #failed(error: unknown): void {
    this.#stopWaiting?.()
    for (const { lease, abort } of this.#running) {
      lease.release()
      abort?.abort()
    }
    this.#finish.reject(error)
  }
}
