import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Outcome } from '../backend/outcome.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { Classification } from '../classify/classification.ts'
import type { Clock } from '../clock.ts'
import type { AnswerClasses } from '../judge/answer-classes.ts'
import type { HedgedAttempt } from '../retry/hedge.ts'
import type { AttemptContext } from '../retry/run.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { AnswerHead, OwnHeader } from './response-writer.ts'

/** What all attempts of a request have in common. */
export interface ForwardRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly body: ReplayBody
  /** The request's job, by which answers are judged. */
  readonly classification: Classification
  /** Where the body is retained for another attempt, and the answer until it is judged. */
  readonly store: BodyStore
  /** Length of a body that an earlier middleware kept, decoded: it replaces the headers' length and coding. */
  readonly keptLength?: number | undefined
  /** Keeps the client from giving up. */
  readonly heartbeat?: Heartbeat | undefined
  /** Called with a good answer that is complete, while the body of the request is still there. */
  readonly onGood?: ((answer: Buffer) => void) | undefined
  /**
   * The value of `x-immich-ml-route` when the answer of an attempt is given to the client, or one that was passed over;
   * `undefined` unless it was asked for.
   */
  readonly routeHeader?: ((attempt?: HedgedAttempt) => string) | undefined
}

/** Headers of one attempt, such as those of a trace. */
export interface AttemptHeaders {
  /** Names, in lower case, of client headers that the backend does not get. */
  readonly replaces: readonly string[]
  /** What it gets instead. */
  readonly headers: Readonly<Record<string, string>>
}

/** What belongs to one attempt. */
export interface AttemptPlan extends AttemptContext {
  /** When it is asked whether the backend is frozen: no byte of an answer has come for so long, in milliseconds. */
  readonly look: {
    /** The first time. */
    readonly after: number
    /** Asks. @returns After how long it is to be asked again. */
    readonly again: (silence: number) => number
  }
  /** When a client that takes no heartbeats needs the head of an answer, on the clock; `Infinity` for never. */
  readonly headBy: number
  /** Called with the outcome before the response ends; again if the client leaves before it has all of the answer. */
  readonly onOutcome?: ((outcome: Outcome) => void) | undefined
  readonly own?: AttemptHeaders | undefined
}

/** What an attempt is made of. */
export interface AttemptOptions {
  readonly plan: AttemptPlan
  readonly clock: Clock
  readonly dispatcher: Dispatcher
  /** The whole body, or a stream of it. */
  readonly body: Readable | Buffer
  readonly request: ForwardRequest
  /** What statuses mean. */
  readonly classes: AnswerClasses
  /** Most bytes of an answer that are kept until it is judged. */
  readonly answerMemory: number
  /** Headers to add to the response. */
  readonly addedHeaders: () => readonly OwnHeader[]
}

/** An answer that is not good, kept in case no better one follows. */
export interface KeptAnswer extends AnswerHead {
  readonly body: Buffer
  /** Frees its memory, which counts in the store until then. */
  release(): void
}

/** The end of an attempt. */
export interface AttemptResult {
  readonly outcome: Outcome
  /** The answer that was passed over, if it arrived completely. */
  readonly answer: KeptAnswer | undefined
}
