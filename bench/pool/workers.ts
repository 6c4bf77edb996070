import type { Clock } from '@immich-ml-router/core'

interface Queued {
  readonly work: number
  readonly arrived: number
  readonly resolve: (done: { readonly start: number; readonly end: number }) => void
}

/**
 * The workers of a stand-in server, and the queue before them.
 *
 * Timers come up to a millisecond early or late, which is a twentieth of a job here. So a worker that has more to do goes on
 * from when it should have been done, and a time is rounded to whole milliseconds at random: on average it is exact.
 */
export class Workers {
  readonly #clock: Clock
  readonly #timePerUnit: (at: number) => number
  readonly #round: (milliseconds: number) => number
  #free: number
  #queue: Queued[] = []

  /** @param timePerUnit How long a unit of work takes that is begun then. */
  constructor(
    count: number,
    timePerUnit: (at: number) => number,
    clock: Clock,
    round = (milliseconds: number) => Math.floor(milliseconds + Math.random()),
  ) {
    this.#free = count
    this.#timePerUnit = timePerUnit
    this.#clock = clock
    this.#round = round
  }

  /** @returns From when to when it was computed. */
  run(work: number): Promise<{ readonly start: number; readonly end: number }> {
    const arrived = this.#clock.now()
    return new Promise((resolve) => {
      const job = { work, arrived, resolve }
      if (this.#free === 0) this.#queue.push(job)
      else {
        this.#free--
        this.#begin(job, arrived)
      }
    })
  }

  /** Drops queued requests. */
  clear(): void {
    this.#queue = []
  }

  #begin({ work, resolve }: Queued, start: number): void {
    const end = start + work * this.#timePerUnit(start)
    this.#clock.after(this.#round(Math.max(0, end - this.#clock.now())), () => {
      resolve({ start, end })
      const next = this.#queue.shift()
      if (next === undefined) this.#free++
      else this.#begin(next, Math.max(end, next.arrived))
    })
  }
}
