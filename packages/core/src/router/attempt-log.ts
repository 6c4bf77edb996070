import type { Outcome } from '../backend/outcome.ts'
import { removeItem } from '../remove-item.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'

/** Attempts that are remembered: a request may be held for hours, and be tried again and again. */
const MOST = 50

/** The last attempts of one request, in the order in which they ended. */
export class AttemptLog {
  readonly all: AttemptRecord[] = []

  get outcome(): Outcome | undefined {
    return this.all.at(-1)?.outcome
  }

  add(record: AttemptRecord): void {
    this.all.push(record)
    if (this.all.length > MOST) this.all.shift()
  }

  /** The client has got the answer of this attempt, which was passed over at first: it is the last of all. */
  delivered(record: AttemptRecord): Outcome {
    const { outcome } = record
    if (outcome.kind !== 'passed-over') return outcome
    const answered: Outcome = { ...outcome, kind: 'answered', reachedClient: true }
    removeItem(this.all, record)
    this.add({ ...record, outcome: answered })
    return answered
  }
}
