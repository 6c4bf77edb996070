import type { FailureCause, Outcome } from '@immich-ml-router/core'

type OutcomeOf<K extends Outcome['kind']> = Extract<Outcome, { readonly kind: K }>

export const answered: OutcomeOf<'answered'> = {
  kind: 'answered',
  status: 200,
  reachedBackend: true,
  reachedClient: true,
}

export function answeredWith(status: number): OutcomeOf<'answered'> {
  return { ...answered, status }
}

export function passedOver(status: number): OutcomeOf<'passed-over'> {
  return { kind: 'passed-over', status, reachedBackend: true, reachedClient: false }
}

/** Before the answer began; without a connection, nothing has reached the backend. */
export function failed(cause: FailureCause): OutcomeOf<'failed'> {
  const reachedBackend = cause !== 'connect' && cause !== 'connect-timeout'
  return { kind: 'failed', cause, error: new Error(cause), reachedBackend, reachedClient: false }
}

/** A copy, by another that was quicker. */
export const superseded: OutcomeOf<'superseded'> = {
  kind: 'superseded',
  reachedBackend: true,
  reachedClient: false,
}

export const clientLeft: OutcomeOf<'client-left'> = {
  kind: 'client-left',
  reachedBackend: true,
  reachedClient: false,
}
