import type { Backend } from '../backend/backend.ts'
import type { Attempt } from './attempt.ts'
import type { ForwardRequest } from './forward-request.ts'
import type { HeaderRecord } from './headers.ts'

/** What hands attempts to their backends. Everything that an attempt promises is its own, whoever hands it on. */
export interface Sender {
  /**
   * Starts an attempt. What goes wrong with that is the attempt's outcome, and never thrown.
   *
   * @param headers Those for the backend, but for its credentials.
   */
  send(attempt: Attempt, request: ForwardRequest, backend: Backend, headers: HeaderRecord): void
}

/** With nothing in between. */
export const direct: Sender = {
  send: (attempt, _request, _backend, headers) => attempt.send(headers),
}
