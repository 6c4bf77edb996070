import type { Outcome, RequestEvent } from '@immich-ml-router/core'

/** Errors of the router that say nothing about the job. */
const LOST: ReadonlySet<string> = new Set([
  'no-backend-available',
  'hold-expired',
  'hold-full',
  'queue-expired',
  'queue-full',
  'router-closed',
  'internal',
])

/**
 * Whether a job of Immich failed although nothing is known to be wrong with the job itself. A job that no backend can do, such
 * as an undecodable image, would come back for ever.
 */
export function isLost({ req, outcome, error, attempts, steps }: RequestEvent): boolean {
  // A test of the status page is no job of Immich.
  if (req.headers['x-immich-ml-test'] !== undefined) return false
  const code: unknown = error === undefined ? undefined : Reflect.get(error, 'code')
  if (typeof code === 'string' && LOST.has(code)) return true
  // Immich gave up because it had to wait. Otherwise Immich itself was stopped, and knows that the job is not done.
  if (code === 'client-left' || outcome?.kind === 'client-left')
    return steps.hold > 0 || steps.queue > 0 || attempts.length > 1
  return outcome !== undefined && isFault(outcome)
}

function isFault(outcome: Outcome): boolean {
  if (outcome.kind === 'failed') return outcome.cause !== 'poison'
  if (outcome.kind !== 'answered' && outcome.kind !== 'passed-over') return false
  // A backend, and the others or a canary after it, has decided that the rest is the job's own fault.
  return outcome.verdict.kind === 'fault' || outcome.verdict.kind === 'busy'
}
