import type { ServerResponse } from 'node:http'
import type { Outcome } from '../backend/outcome.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'

/** Attempts that are kept: a request that is held for hours may have thousands. */
const MOST = 50

/** The last attempts of one request, in the order in which they ended. */
export class AttemptLog {
  readonly all: AttemptRecord[] = []
  /** The attempt of each record. */
  readonly #attempts: object[] = []

  /** Records an attempt: shortly before the response ends, so that its listeners see it, and again when the attempt is over. */
  set(attempt: object, record: AttemptRecord): void {
    const index = this.#attempts.lastIndexOf(attempt)
    if (index !== -1) {
      this.all[index] = record
      return
    }
    this.#attempts.push(attempt)
    if (this.all.push(record) <= MOST) return
    this.#attempts.shift()
    this.all.shift()
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
    const place = this.all.indexOf(record)
    if (place !== -1) {
      this.all.splice(place, 1)
      this.#attempts.splice(place, 1)
    }
    this.set(answered, answered)
    const undo = () => {
      const index = this.all.indexOf(answered)
      if (index !== -1) this.all[index] = record
    }
    return { outcome: answered.outcome, undo }
  }

  /**
   * Records an attempt as answered before the response ends, unless the client leaves before it has all of the answer.
   *
   * @param give Gives the client the answer; calls back before the response ends. Resolves to whether the client got all of it.
   * @returns The outcome; `undefined` when the client did not get all of it.
   */
  async deliver(
    record: AttemptRecord,
    res: ServerResponse,
    give: (onEnd: () => void) => Promise<boolean>,
  ): Promise<Outcome | undefined> {
    let delivered: ReturnType<AttemptLog['delivered']> | undefined
    const isComplete = await give(() => {
      delivered = this.delivered(record)
      res.prependOnceListener('close', () => {
        if (!res.writableFinished) delivered?.undo()
      })
    })
    if (isComplete) return delivered?.outcome
    delivered?.undo()
    return undefined
  }
}
