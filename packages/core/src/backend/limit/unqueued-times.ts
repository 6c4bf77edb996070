import { defaults } from '../../config/defaults.ts'
import { keepLatest } from '../../keep-latest.ts'
import type { Sums } from './sums.ts'

/** How long a job takes without a queue, by kind, in milliseconds. */
export class UnqueuedTimes {
  /** The kind that came longest ago is first: clients choose the names, so the memory is bounded. */
  readonly #times = new Map<string, { time: number; count: number }>()

  /**
   * A job was done.
   *
   * @param isLow Whether so few were in flight that none was queued.
   * @param share Which part of the time was not spent in a queue, where that is not known of the kind.
   * @returns How long it would have taken without a queue, and how doubtful that is.
   */
  observe(kind: string, time: number, isLow: boolean, share: number): Pick<Sums, 'unqueued' | 'doubt'> {
    const known = this.#times.get(kind) ?? { time: isLow ? time : time * share, count: 0 }
    const before = { unqueued: known.time, doubt: known.time / Math.min(Math.max(known.count, 1), MEMORY) }
    if (isLow) {
      known.count++
      known.time += (time - known.time) / Math.min(known.count, MEMORY)
    }
    keepLatest(this.#times, kind, known, defaults.mostKinds)
    return before
  }

  /** Jobs of all kinds take so many times as long, as a few have shown. @param count How many jobs that is worth. */
  scale(factor: number, count: number): void {
    for (const known of this.#times.values()) {
      known.time *= factor
      known.count = Math.min(known.count, count)
    }
  }
}

/** Jobs over which the time without a queue is averaged. */
const MEMORY = 64
