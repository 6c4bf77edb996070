import type { Outcome } from '../backend/outcome.ts'
import { removeItem } from '../remove-item.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'

/** Attempts that are kept: a request that is held for hours may have thousands. */
const MOST = 50

/** The last attempts of one request, in the order in which they ended. */
export class AttemptLog {
  readonly all: AttemptRecord[] = []
  /** The last record of each attempt. */
  readonly #records = new WeakMap<object, AttemptRecord>()

  /** Records an attempt: shortly before the response ends, so that its listeners see it, and again when the attempt is over. */
  set(attempt: object, record: AttemptRecord): void {
    const before = this.#records.get(attempt)
    const index = before === undefined ? -1 : this.all.indexOf(before)
    if (index === -1) this.all.push(record)
    else this.all[index] = record
    if (this.all.length > MOST) this.all.shift()
    this.#records.set(attempt, record)
  }

  /**
   * Records that the client gets the answer of this attempt, which was passed over at first. It becomes the last attempt.
   *
   * @returns Its outcome, and a function to undo this if the client leaves before it has all of the answer.
   */
  delivered(record: AttemptRecord): { readonly outcome: Outcome; readonly undo: () => void } {
    const { outcome } = record
    if (outcome.kind !== 'passed-over') return { outcome, undo: () => {} }
    const answered: AttemptRecord = {
      ...record,
      outcome: { ...outcome, kind: 'answered', reachedClient: true },
    }
    removeItem(this.all, record)
    this.all.push(answered)
    const undo = () => {
      const index = this.all.indexOf(answered)
      if (index !== -1) this.all[index] = record
    }
    return { outcome: answered.outcome, undo }
  }
}
