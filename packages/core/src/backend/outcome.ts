/** Why an attempt failed. */
export type FailureCause =
  /** No connection: refused, unreachable, name not found. */
  | 'connect'
  /** No connection within the connect timeout. */
  | 'connect-timeout'
  /** No response within the response timeout. */
  | 'response-timeout'
  /** The response stopped for longer than the idle timeout. */
  | 'idle-timeout'
  /** The total timeout of all attempts together. */
  | 'total-timeout'
  /** The connection was closed or reset before the response was complete. */
  | 'reset'
  /** The router was closed while the request was running. */
  | 'shutdown'
  /** What the backend sent is no valid HTTP response. */
  | 'protocol'

/** What became of one attempt. */
export type Outcome =
  | {
      /** The backend's response, whatever its status, reached the client whole. */
      readonly kind: 'answered'
      readonly status: number
      readonly reachedBackend: true
      readonly reachedClient: true
    }
  | {
      /** The backend answered with a status for which another backend is tried; the answer was dropped. */
      readonly kind: 'passed-over'
      readonly status: number
      readonly reachedBackend: true
      readonly reachedClient: false
    }
  | {
      readonly kind: 'failed'
      readonly cause: FailureCause
      readonly error: Error
      /** Whether any byte of the request may have reached the backend. */
      readonly reachedBackend: boolean
      /** Whether any byte of the response reached the client: then nothing can be retried. */
      readonly reachedClient: boolean
    }
  | {
      /** The body turned out to be larger than the limit. No fault of the backend. */
      readonly kind: 'body-failed'
      readonly error: Error
      readonly reachedBackend: boolean
      readonly reachedClient: boolean
    }
  | {
      /** The client left. No fault of the backend. */
      readonly kind: 'client-left'
      readonly reachedBackend: boolean
      readonly reachedClient: boolean
    }
