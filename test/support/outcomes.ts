import type { Outcome } from '@immich-ml-router/core'
import { type FailureCause, judge, type Verdict } from '@immich-ml-router/core/parts'

type OutcomeOf<K extends Outcome['kind']> = Extract<Outcome, { readonly kind: K }>

export const answered: OutcomeOf<'answered'> = {
  kind: 'answered',
  status: 200,
  verdict: { kind: 'good' },
  reachedBackend: true,
  reachedClient: true,
}

export function answeredWith(status: number): OutcomeOf<'answered'> {
  return { ...answered, status, verdict: verdictOn(status) }
}

/** @param body The body of the answer, such as FastAPI's `{"detail": …}`. */
export function passedOver(
  status: number,
  body = '',
  headers: Readonly<Record<string, string>> = {},
): OutcomeOf<'passed-over'> {
  const verdict = verdictOn(status, body, headers)
  return { kind: 'passed-over', status, verdict, reachedBackend: true, reachedClient: false }
}

function verdictOn(status: number, body = '', headers: Readonly<Record<string, string>> = {}): Verdict {
  return judge(
    { status, headers, body: Buffer.from(body), complete: true },
    { backend: 'gpu', tasks: [], names: () => [], written: () => '' },
  )
}

/** A failure before the answer. Connection errors mean that no bytes reached the backend. */
export function failed(cause: FailureCause): OutcomeOf<'failed'> {
  const reachedBackend = cause !== 'connect' && cause !== 'connect-timeout'
  return { kind: 'failed', cause, error: new Error(cause), reachedBackend, reachedClient: false }
}

/** A hedged attempt that lost to another one. */
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
