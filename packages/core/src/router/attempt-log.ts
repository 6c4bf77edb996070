import type { Outcome } from '../backend/outcome.ts'
import { removeItem } from '../remove-item.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'

/** Attempts that are remembered: a request may be held for hours, and be tried again and again. */
const MOST = 50

/** The last attempts of one request, in the order in which they ended. */
export class AttemptLog {
  readonly all: AttemptRecord[] = []
  /** What was noted of attempts whose final record is still to come, by attempt. */
  readonly #noted = new Map<object, AttemptRecord>()

  get outcome(): Outcome | undefined {
    return this.all.at(-1)?.outcome
  }

  /** An attempt is about to end like this: a listener that sees the response end sees this record. */
  note(attempt: object, record: AttemptRecord): void {
    this.#put(attempt, record)
    this.#noted.set(attempt, record)
  }

  /** An attempt has ended. */
  add(attempt: object, record: AttemptRecord): void {
    this.#put(attempt, record)
    this.#noted.delete(attempt)
  }

  #put(attempt: object, record: AttemptRecord): void {
    const noted = this.#noted.get(attempt)
    const index = noted === undefined ? -1 : this.all.indexOf(noted)
    if (index === -1) this.#push(record)
    else this.all[index] = record
  }

  #push(record: AttemptRecord): void {
    this.all.push(record)
    if (this.all.length > MOST) this.all.shift()
  }

  /**
   * The client gets the answer of this attempt, which was passed over at first: it is the last of all.
   *
   * @returns Its outcome, and what takes it back where the client left before it had all of it.
   */
  delivered(record: AttemptRecord): { readonly outcome: Outcome; readonly undo: () => void } {
    const { outcome } = record
    if (outcome.kind !== 'passed-over') return { outcome, undo: () => {} }
    const answered: AttemptRecord = {
      ...record,
      outcome: { ...outcome, kind: 'answered', reachedClient: true },
    }
    removeItem(this.all, record)
    this.#push(answered)
    const undo = () => {
      const index = this.all.indexOf(answered)
      if (index !== -1) this.all[index] = record
    }
    return { outcome: answered.outcome, undo }
  }
}
