import { describeOutcome } from '../backend/outcome.ts'
import { RouterClosedError, RouterError } from '../errors.ts'
import type { AttemptRecord } from './attempt-record.ts'

/** The error for a client that gets no backend's answer; `undefined` when the client has left. */
export function failureOf(attempts: readonly AttemptRecord[], budgetExhausted = false): Error | undefined {
  const last = attempts.at(-1)?.outcome
  if (last?.kind === 'body-failed') return last.error
  if (last?.kind !== 'failed' && last?.kind !== 'passed-over') return undefined
  const cause = last.kind === 'failed' ? { cause: last.error } : {}
  if (last.kind === 'failed' && last.cause === 'shutdown') return new RouterClosedError(last.error)
  const rest = budgetExhausted ? '; retry budget exhausted, so the other backends were not tried' : ''
  const causes = attempts
    .map((attempt) => `${nameOf(attempt)} ${describeOutcome(attempt.outcome)}`)
    .join(', ')
  const timedOut = attempts.every(
    ({ outcome }) => outcome.kind === 'failed' && outcome.cause.endsWith('timeout'),
  )
  return timedOut
    ? new RouterError('backend-timeout', `No backend answered in time: ${causes}${rest}.`, cause)
    : new RouterError('backend-failed', `No backend could answer: ${causes}${rest}.`, cause)
}

function nameOf({ backend, endpoint }: AttemptRecord): string {
  return endpoint === undefined ? `"${backend}"` : `"${backend}" at ${endpoint}`
}
