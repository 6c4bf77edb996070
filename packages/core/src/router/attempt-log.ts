import type { ServerResponse } from 'node:http'
import type { Outcome } from '../backend/outcome.ts'
import type { AttemptRecord } from '../retry/attempt-record.ts'

/** Attempts that are kept: a request that is held for hours may have thousands. */
const MOST = 50

/** The last attempts of one request, in the order in which they ended. */
export class AttemptLog {
  /** The record of each attempt. */
  readonly #records = new Map<object, AttemptRecord>()

  get all(): readonly AttemptRecord[] {
    return [...this.#records.values()]
  }

  /** Records an attempt: shortly before the response ends, so that its listeners see it, and again when the attempt is over. */
  set(attempt: object, record: AttemptRecord): void {
    this.#records.set(attempt, record)
    if (this.#records.size <= MOST) return
    const [oldest] = this.#records.keys()
    if (oldest !== undefined) this.#records.delete(oldest)
  }

  /**
   * Records that the client gets the answer of this attempt, which was passed over at first. It becomes the last attempt.
   *
   * @returns Its outcome, and a function to undo this if the client leaves before it has all of the answer.
   */
  delivered(record: AttemptRecord): { readonly outcome: Outcome; readonly undo: () => void } {
    const { outcome } = record
    if (outcome.kind !== 'passed-over') return { outcome, undo: () => {} }
    const answered: Outcome = { ...outcome, kind: 'answered', reachedClient: true }
    for (const [attempt, known] of this.#records) if (known === record) this.#records.delete(attempt)
    const delivery = {}
    this.set(delivery, { ...record, outcome: answered })
    return { outcome: answered, undo: () => this.set(delivery, record) }
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
