import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Backend } from '../backend/backend.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { Timeouts } from '../policy/timeouts.ts'
import type { Heartbeat } from './heartbeat.ts'

/** What belongs to one request, whatever the number of attempts. */
export interface ForwardRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly body: ReplayBody
  /** Where the body is retained for another attempt. */
  readonly store: BodyStore
  /** The bytes are those that an earlier middleware kept, decoded: their length and coding replace the headers'. */
  readonly keptLength?: number | undefined
  /** What keeps the client from giving up. */
  readonly heartbeat?: Heartbeat | undefined
  /** What `x-immich-ml-route` says when the answer is given to the client; nothing, when it was not asked for. */
  readonly routeHeader?: (() => string) | undefined
}

/** An answer that may not be the last word. */
export interface Refusal {
  readonly status: number
  /** Whether it says that the backend does not know the task. */
  readonly lacksTask: boolean
}

/** When an attempt reached its steps, on the forwarder's clock; it is written while the attempt runs. */
export interface AttemptMarks {
  /** It had a connection. */
  connected?: number
  /** The head of the backend's answer had come. */
  answered?: number
  /** Bytes of the answer's body that have come so far. */
  received: number
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
  /**
   * Whether there may be another attempt, for which the body is worth a file; asked when it does not fit into memory.
   * What does is retained in any case, since a stale connection may make one necessary.
   */
  readonly isWorthAFile: () => boolean
  /** Whether another backend is to be tried for an answer, instead of giving it to the client. */
  readonly passesOver: (refusal: Refusal) => boolean
  /** Whether the request would go elsewhere, or wait, if the attempt failed now. */
  readonly wouldGoOn: () => boolean
  /** Called when the answer has begun to go to the client. */
  readonly onCommit?: (() => void) | undefined
  readonly marks: AttemptMarks
  readonly own?: AttemptHeaders | undefined
  /** Aborted when the answer of another copy has begun to. */
  readonly superseded?: AbortSignal | undefined
}
