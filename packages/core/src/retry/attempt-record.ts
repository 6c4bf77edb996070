import type { Outcome } from '../backend/outcome.ts'
import type { Clock } from '../clock.ts'
import { defaults } from '../config/defaults.ts'
import type { Copy } from './race.ts'

/** When an attempt reached its steps, on the clock; it is written while the attempt runs. */
export interface AttemptMarks {
  /** It had a connection. */
  connected?: number
  /** The head of the backend's answer had come. */
  answered?: number
  /** Bytes of the answer's body that have come so far. */
  received: number
}

/** One attempt that is over. */
export interface AttemptRecord {
  /** Name of the backend. */
  readonly backend: string
  /** Its base URL, without credentials: behind a reload, its name may stand for another server. */
  readonly url: string
  /** The address, when it is one of several that the backend has. */
  readonly endpoint: string | undefined
  readonly outcome: Outcome
  /** When it began, on the clock. */
  readonly start: number
  /** How long it took, in milliseconds. */
  readonly time: number
  /** From its beginning until it had a connection, in milliseconds; `undefined` when it got none. */
  readonly connect: number | undefined
  /** From its beginning until the head of the backend's answer had come, in milliseconds; `undefined` when none came. */
  readonly firstByte: number | undefined
  /** Bytes of the answer's body that came. */
  readonly received: number
  /** Whether other requests were on that backend as it ended, or had failed there lately: then it may not be this one's fault. */
  readonly inCompany: boolean
  /** Whether it was a further copy, sent since an earlier one was late. */
  readonly hedge: boolean
}

/** An attempt that is under way: what its record would be, if it ended now. */
export class AttemptRecorder {
  /** Set as it goes on. */
  readonly marks: AttemptMarks = { received: 0 }
  readonly #copy: Copy
  readonly #clock: Clock
  readonly #start: number
  /** How often its backend had failed before. */
  readonly #failures: number
  readonly #isShaky: boolean

  /** @param before Attempts of the same request that are over. */
  constructor(copy: Copy, clock: Clock, before: readonly AttemptRecord[]) {
    const { backend } = copy.lease
    this.#copy = copy
    this.#clock = clock
    this.#start = clock.now()
    this.#failures = backend.health.requests.failures
    // One that has broken under others lately needs no bad request to break once more.
    const isFirst = before.every((other) => other.backend !== backend.name)
    this.#isShaky = isFirst && !backend.health.requests.wellFor(defaults.retryBudgetWindow)
  }

  record(outcome: Outcome): AttemptRecord {
    const { marks } = this
    const { lease, hedge } = this.#copy
    const { backend } = lease
    return {
      backend: backend.name,
      url: backend.url,
      endpoint: backend.endpoint,
      outcome,
      start: this.#start,
      time: this.#clock.now() - this.#start,
      connect: this.#sinceStart(marks.connected),
      firstByte: this.#sinceStart(marks.answered),
      received: marks.received,
      inCompany: this.#isShaky || backend.inFlight > 1 || backend.health.requests.failures > this.#failures,
      hedge,
    }
  }

  #sinceStart(mark: number | undefined): number | undefined {
    return mark === undefined ? undefined : mark - this.#start
  }
}
