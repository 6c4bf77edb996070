import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Backend } from '../backend/backend.ts'
import type { BodyStore } from '../body/body-store.ts'
import type { ReplayBody } from '../body/replay-body.ts'
import type { Timeouts } from '../policy/timeouts.ts'

/** What belongs to one request, whatever the number of attempts. */
export interface ForwardRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly body: ReplayBody
  /** Where the body is retained for another attempt. */
  readonly store: BodyStore
  /** The bytes are those that an earlier middleware kept, decoded: their length and coding replace the headers'. */
  readonly keptLength?: number | undefined
}

/** What belongs to one attempt of it. */
export interface AttemptPlan {
  readonly backend: Backend
  readonly timeouts: Timeouts
  /** When all attempts must be over, on the forwarder's clock; `Infinity` for never. */
  readonly deadline: number
  /** Whether there may be another attempt, for which the body is retained as far as there is room. */
  readonly retain: boolean
  /** Whether another backend is to be tried for a status, instead of giving this answer to the client. */
  readonly passesOver: (status: number) => boolean
}
