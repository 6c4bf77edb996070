import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Backend } from '../backend/backend.ts'
import type { Outcome } from '../backend/outcome.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { Classification } from '../classify/classification.ts'
import type { Timeouts } from '../config/timeouts.ts'
import type { AttemptMarks } from '../retry/attempt-record.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { AnswerHead } from './response-writer.ts'

/** What belongs to one request, whatever the number of attempts. */
export interface ForwardRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly body: ReplayBody
  /** What was asked, by which answers are judged. */
  readonly classification: Classification
  /** Where the body is retained for another attempt, and the answer until it is judged. */
  readonly store: BodyStore
  /** The bytes are those that an earlier middleware kept, decoded: their length and coding replace the headers'. */
  readonly keptLength?: number | undefined
  /** What keeps the client from giving up. */
  readonly heartbeat?: Heartbeat | undefined
  /** What `x-immich-ml-route` says when the answer is given to the client; nothing, when it was not asked for. */
  readonly routeHeader?: (() => string) | undefined
}

/** Headers of one attempt's own, such as those of a trace. */
export interface AttemptHeaders {
  /** Names, in lower case, of headers that the backend does not get from the client. */
  readonly replaces: readonly string[]
  /** What it gets in their place. */
  readonly headers: Readonly<Record<string, string>>
}

/** What belongs to one attempt of it. */
export interface AttemptPlan {
  readonly backend: Backend
  readonly timeouts: Timeouts
  /** When all attempts must be over, on the forwarder's clock; `Infinity` for never. */
  readonly deadline: number
  /** When the client needs the head of an answer, on the forwarder's clock, since it takes no heartbeats; `Infinity` for never. */
  readonly headBy: number
  /** Whether the request would go elsewhere, or wait, if the backend turned out to be gone now. */
  readonly wouldGoOn: () => boolean
  /** Whether another candidate could take the request: without one, a slow answer is waited for. */
  readonly hasOther: () => boolean
  /** Called when the answer has begun to go to the client. */
  readonly onCommit?: (() => void) | undefined
  /** Told of the outcome before the response ends; once more where the client leaves before it has all of the answer. */
  readonly onOutcome?: ((outcome: Outcome) => void) | undefined
  readonly marks: AttemptMarks
  readonly own?: AttemptHeaders | undefined
  /** Aborted when the answer of another copy has begun to. */
  readonly superseded?: AbortSignal | undefined
}

/** An answer that is not good, kept in case that it is the best there is for the client. */
export interface KeptAnswer extends AnswerHead {
  readonly body: Buffer
  /** Ends the use of its memory, which counts in the store until then. */
  release(): void
}

/** The end of an attempt. */
export interface AttemptResult {
  readonly outcome: Outcome
  /** The answer that was passed over, when all of it has come. */
  readonly answer: KeptAnswer | undefined
}
