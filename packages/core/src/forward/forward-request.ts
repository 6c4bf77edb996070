import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ReplayBody } from '../body/replay-body.ts'

/** What belongs to one request, whatever the number of attempts. */
export interface ForwardRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly body: ReplayBody
  /** The bytes are those that an earlier middleware kept, decoded: their length and coding replace the headers'. */
  readonly keptLength?: number | undefined
}
