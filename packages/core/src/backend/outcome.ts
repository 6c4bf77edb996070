import type { Verdict } from '../judge/verdict.ts'

/** Why an attempt failed. */
export type FailureCause =
  /** No connection: refused, unreachable, name not found, no agreement on TLS. */
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
  /** The machine takes no connections any more, so that there will be no answer. */
  | 'gone'
  /** The backend did not answer any more, neither the request nor the router's own. */
  | 'frozen'
  /** A connection that had been used before was closed by the backend as the request was sent on it. */
  | 'stale'
  /** The router was closed while the request was running. */
  | 'shutdown'
  /** What the backend sent is no valid HTTP response. */
  | 'protocol'
  /** A canary failed there, so the request was not sent. */
  | 'canary'
  /** Backends died with it or did not answer, and now one passes a canary: the job is at fault, and was not sent again. */
  | 'poison'

/** What became of one attempt. */
export type Outcome =
  | {
      /** The backend's answer reached the client whole. */
      readonly kind: 'answered'
      readonly status: number
      readonly verdict: Verdict
      /**
       * How long the backend could not work on it, in milliseconds: the client had not sent it yet, or a canary or a repeat came
       * first.
       */
      readonly starvedFor?: number | undefined
      readonly reachedBackend: true
      readonly reachedClient: true
    }
  | {
      /** The backend's answer is not good, and has not reached the client. */
      readonly kind: 'passed-over'
      readonly status: number
      readonly verdict: Verdict
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
      /** What a canary has found. */
      readonly verdict?: Extract<Verdict, { kind: 'fault' }>
    }
  | {
      /** The body turned out to be larger than the limit. No fault of the backend. */
      readonly kind: 'body-failed'
      readonly error: Error
      readonly reachedBackend: boolean
      readonly reachedClient: boolean
    }
  | {
      /** A copy of the request on another backend was answered first, and this one was aborted. No fault of the backend. */
      readonly kind: 'superseded'
      readonly reachedBackend: boolean
      readonly reachedClient: false
    }
  | {
      /** The client left. No fault of the backend. */
      readonly kind: 'client-left'
      readonly reachedBackend: boolean
      readonly reachedClient: boolean
    }

/** Of a request whose client left before it was sent. */
export const LEFT: Outcome = { kind: 'client-left', reachedBackend: false, reachedClient: false }

/** Such as `failed (connect)` or `answered 503 Service Unavailable`. */
export function describeOutcome(outcome: Outcome): string {
  if (outcome.kind === 'failed') {
    const { cause, error } = outcome
    // By its name: what is bundled on its own, as logging is, would have another class.
    const isTelling = error.name === 'TlsError' || cause === 'canary'
    return isTelling ? `failed (${cause}: ${error.message})` : `failed (${cause})`
  }
  if (outcome.kind !== 'passed-over') return outcome.kind
  return 'reason' in outcome.verdict ? outcome.verdict.reason : `answered ${outcome.status}`
}
