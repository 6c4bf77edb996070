import type { Attempt } from './attempt.ts'
import { type HeaderRecord, withOwnHeaders } from './headers.ts'

/** Sends attempts to their backends. */
export interface Transport {
  /**
   * Starts an attempt. It never throws: a failure ends the attempt.
   *
   * @param headers Headers for the backend, without its credentials.
   */
  send(attempt: Attempt, headers: HeaderRecord): void
}

/** Hands attempts straight to undici. */
export const directTransport: Transport = {
  send(attempt, headers) {
    if (attempt.settled) return
    const { dispatcher, body, plan } = attempt.options
    const { backend } = plan.lease
    const sent = withOwnHeaders(headers, backend.target.headers())
    try {
      dispatcher.dispatch({ path: backend.target.path, method: 'POST', headers: sent, body }, attempt)
    } catch (error) {
      attempt.fail(error)
    }
  },
}
